"""Style as a gate: what no linter checks, checked here. Each test lists every place that breaks its law."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_MODULE_LINES = 250
MAX_TEST_LINES = 400
MAX_FUNCTION_LINES = 50
# Modules that may be longer, each with its reason.
LONGER = {"features/actions.py": "one type per action and nothing else; the contract is best read in one piece"}

# The core reads no clock, no environment and no chance; `streams` is shell but for these.
PURE_STREAMS = (
    "accounting",
    "addressed",
    "audit_replay",
    "auditing",
    "codecs",
    "controls",
    "decision_log",
    "due_work",
    "effects",
    "exchange",
    "histories/clock",
    "intake",
    "liability",
    "liability_report",
    "links",
    "member_effects",
    "members",
    "memory_store",
    "mismatches",
    "notify/answers",
    "notify/contacts",
    "notify/deciding",
    "notify/deliveries",
    "notify/intake",
    "notify/messages",
    "notify/quiet_hours",
    "notify/texts",
    "notify/undelivered",
    "observations",
    "openings",
    "outbox",
    "own_records",
    "owners",
    "partition",
    "partitioning",
    "pieces",
    "pipeline",
    "records",
    "repartitioning",
    "replay",
    "row_format",
    "sampled_audit",
    "signatures",
    "state",
    "version_rows",
    "versions",
)
IMPURE_MODULES = {"asyncio", "logging", "os", "secrets", "socket", "subprocess", "threading", "time", "uuid"}
IMPURE_CALLS = {"date.today", "datetime.now", "datetime.today", "datetime.utcnow", "open", "input", "print"}
# Written in parts, so that this file does not find itself.
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "pragma:" + " no cover")))
# An exception to a check is written with its reason: `noqa: CODE - why`, `type: ignore[code]  # why`.
EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)")
REASONED = re.compile(r"^(: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S.{3,}|\[[a-z-]+(, ?[a-z-]+)*\]  # \S.{3,})")
MACHINE_PATHS = re.compile("|".join("(?<![A-Za-z0-9.])/" + top + "/[a-z]" for top in ("home", "root", "Users", "work")))
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("files", "pythonhosted", "org"),
            ("repo", "maven", "apache", "org"),
            ("repo1", "maven", "org"),
            ("registry", "npmjs", "org"),
            ("deb", "debian", "org"),
        )
    )
)


@cache
def tracked() -> tuple[str, ...]:
    """Every file that belongs to the repository, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(name for name in listed if (ROOT / name).is_file())


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", errors="replace")


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(text_of(name), filename=name)


def python_files(*, tests: bool) -> Iterator[str]:
    for name in tracked():
        if name.endswith(".py") and name.startswith("tests/") == tests:
            yield name


def core_files() -> Iterator[str]:
    pure = {f"streams/{module}.py" for module in PURE_STREAMS}
    for name in python_files(tests=False):
        if name.split("/")[0] in {"features", "loyalty", "online_models"} or name in pure:
            yield name


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the signature to the end, the docstring not counted."""
    first = function.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def none(violations: Iterable[str]) -> None:
    found = list(violations)
    assert not found, "\n" + "\n".join(found)


def test_modules_hold_one_idea() -> None:
    for tests, limit in ((False, MAX_MODULE_LINES), (True, MAX_TEST_LINES)):
        none(
            f"{name}: {count} lines, at most {limit}"
            for name in python_files(tests=tests)
            if (count := text_of(name).count("\n")) > limit and name not in LONGER
        )
    none(
        f"{name}: is no longer too long; drop it from LONGER"
        for name in LONGER
        if text_of(name).count("\n") <= MAX_MODULE_LINES
    )


def test_functions_are_short() -> None:
    none(
        f"{name}:{function.lineno} {function.name}: {count} lines of code, fewer than {MAX_FUNCTION_LINES} are allowed"
        for tests in (False, True)
        for name in python_files(tests=tests)
        for function in functions(name)
        if (count := lines_of_code(function)) >= MAX_FUNCTION_LINES
    )


def test_nothing_is_left_for_later() -> None:
    none(
        f"{name}:{number}: {line.strip()}"
        for name in tracked()
        if not name.endswith((".lock", "LICENSE"))
        for number, line in enumerate(text_of(name).splitlines(), start=1)
        if UNFINISHED.search(line)
    )


def test_every_exception_to_a_check_has_its_reason() -> None:
    none(
        f"{name}:{number}: {line.strip()}"
        for tests in (False, True)
        for name in python_files(tests=tests)
        for number, line in enumerate(text_of(name).splitlines(), start=1)
        if (found := EXCEPTION.search(line)) and not REASONED.match(found["rest"])
    )


def test_every_module_says_what_it_is_for() -> None:
    none(name for tests in (False, True) for name in python_files(tests=tests) if not ast.get_docstring(tree_of(name)))


def imported(name: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.split(".")[0]


def called(name: str) -> Iterator[tuple[int, str, ast.Call]]:
    """Every call of a module; what it does when run as a command does not count."""
    for statement in tree_of(name).body:
        if not (isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    yield node.lineno, ast.unparse(node.func), node


def test_the_core_reads_no_clock_no_environment_and_no_disk() -> None:
    none(
        f"{name}:{line}: imports {module}"
        for name in core_files()
        for line, module in imported(name)
        if module in IMPURE_MODULES
    )
    none(
        f"{name}:{line}: calls {function}"
        for name in core_files()
        for line, function, _ in called(name)
        if function in IMPURE_CALLS
        or function.split(".")[-1] in {"read_text", "read_bytes", "write_text", "write_bytes"}
    )


def test_chance_in_the_core_is_seeded() -> None:
    allowed = {"random.Random", "Random"}
    none(
        f"{name}:{line}: {function}"
        for name in core_files()
        for line, function, call in called(name)
        if (function.startswith("random.") and function not in allowed) or (function in allowed and not call.args)
    )


def test_the_core_is_found() -> None:
    files = set(core_files())
    assert {f"streams/{module}.py" for module in PURE_STREAMS} <= files
    assert len(files) > len(PURE_STREAMS)


def test_no_file_names_a_machine_or_a_registry() -> None:
    none(
        f"{name}:{number}: {line.strip()[:120]}"
        for name in tracked()
        for number, line in enumerate(text_of(name).splitlines(), start=1)
        if MACHINE_PATHS.search(line) or REGISTRIES.search(line)
    )
