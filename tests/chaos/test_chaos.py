"""The parts that a campaign stands on: what is drawn is repeatable, faults reach whom they should, the judge sees."""

import random
import socket
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from deploy.kafka.config import HOST, Passage
from deploy.kafka.ports import free_ports
from loyalty.draw_records import DrawOpened, OpenedData
from streams.accounting import EFFECTS_APPLIED
from tests.chaos.auditor import Ledger
from tests.chaos.damage import corrupt, files_of, truncate
from tests.chaos.faults import BROKER_KINDS, MEMBER_KINDS, draw_plan
from tests.chaos.findings import Findings
from tests.chaos.history import START, history
from tests.chaos.judge import judge_audited, judge_decisions
from tests.chaos.judge_shared import Exchanged, judge_draws, judge_effects
from tests.chaos.network import Network
from tests.chaos.traps import Trap, clear_trap, set_trap

ROOT = Path(__file__).parents[2]
_TOGETHER = ("purchase", "refund", "redeem", "redeem_cancel", "referral", "link_identity")


def test_a_history_has_all_that_producers_get_wrong() -> None:
    lines = list(history(3, 20_000))
    again = [line.value for line in lines if line.again]
    assert len(lines) - len(again) == 20_000
    assert again
    assert set(again) <= {line.value for line in lines if not line.again}
    assert [line.stamp_ms for line in lines] == sorted(line.stamp_ms for line in lines)
    kinds = Counter(msgspec.json.decode(line.value)["type"] for line in lines if line.value.endswith(b"}"))
    assert {f"loyalty.action.{kind}" for kind in _TOGETHER} <= kinds.keys()
    assert kinds["loyalty.action.browse"] > len(lines) / 2


@pytest.mark.parametrize("seed", range(5))
def test_sixty_faults_are_of_every_kind(seed: int) -> None:
    plan = draw_plan(seed, 60)
    assert {fault.kind for fault in plan.members} == set(MEMBER_KINDS)
    assert {fault.kind for fault in plan.brokers} == set(BROKER_KINDS)
    assert plan != draw_plan(seed + 1, 60)


def test_a_trap_is_for_one_process_at_one_point_and_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from tests.chaos.traps import Trapped\n"
        "trapped = Trapped(pathlib.Path(sys.argv[1]))\n"
        "for number in range(4):\n"
        "    for point in ('outputs', 'state'):\n"
        "        print(number, point, flush=True)\n"
        "        trapped.passes(point)\n"
    )

    def run() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()[-1]

    set_trap(tmp_path, Trap("kill", "outputs", 3))
    assert run() == (-9, "2 outputs")
    assert run() == (0, "3 state")
    set_trap(tmp_path, Trap("kill", "outputs", 3))
    clear_trap(tmp_path)
    assert run() == (0, "3 state")


def test_damage_changes_a_file_and_spares_what_is_idle(tmp_path: Path) -> None:
    (tmp_path / "000012.sst").write_bytes(bytes(1_000))
    (tmp_path / "LOG").write_bytes(b"talk")
    assert [path.name for path in files_of(tmp_path)] == ["000012.sst"]
    corrupt(tmp_path, random.Random(1))
    assert (tmp_path / "000012.sst").read_bytes() != bytes(1_000)
    truncate(tmp_path, random.Random(1))
    assert (tmp_path / "000012.sst").stat().st_size < 1_000
    assert (tmp_path / "LOG").read_bytes() == b"talk"


class Twice(socketserver.BaseRequestHandler):
    """A broker that says everything twice."""

    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data + data)


@contextmanager
def echo() -> Iterator[tuple[Network, Passage]]:
    """A network with one such broker."""
    port, advertised = free_ports(2, HOST)
    with socketserver.ThreadingTCPServer((HOST, port), Twice) as server:
        threading.Thread(target=server.serve_forever).start()
        passage = Passage("one", 1, port, advertised)
        try:
            with Network([passage]) as network:
                yield network, passage
        finally:
            server.shutdown()


def is_refused(port: int) -> bool:
    """Whether a new connection comes to nothing."""
    try:
        with socket.create_connection((HOST, port), 5) as client:
            client.sendall(b"?")
            return client.recv(10) == b""
    except ConnectionError:
        return True


def test_a_silent_link_delivers_later_and_a_broken_one_never() -> None:
    with echo() as (network, passage), socket.create_connection((HOST, passage.advertised_port), 5) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"aa"
        network.cut("one", [1], silently=True)
        client.sendall(b"b")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(10)
        network.heal("one")
        client.settimeout(5)
        assert client.recv(10) == b"bb"
        network.cut("one", [1], silently=False)
        assert client.recv(10) == b"", "the end of the connection"
        assert is_refused(passage.advertised_port)
        network.heal("one")
        assert not is_refused(passage.advertised_port)


def entry(sequence: int, *, points: int = 1, name: str = "") -> bytes:
    """A ledger entry as small as the judge reads it."""
    data = {"sequence": sequence, "points": points}
    return msgspec.json.encode(
        {"id": name or f"e-{sequence}", "type": "loyalty.points.earned", "subject": "m-1", "data": data}
    )


@pytest.mark.parametrize(
    ("delivered", "wrong"),
    [
        ([1, 2, 3], {}),
        ([1, 2, 1, 2, 3, 3], {}),
        ([1, 3, 2, 3], {}),
        ([1, 2], {"lost": 1}),
        ([1, 3], {"lost": 2}),
        ([1, 2, 3, 4], {"duplicated": 1}),
    ],
)
def test_the_judge_counts_what_a_reader_lacks_and_has_too_much(delivered: list[int], wrong: dict[str, int]) -> None:
    findings = Findings()
    judge_decisions(findings, "points", [entry(n) for n in (1, 2, 3)], [entry(n) for n in delivered], Ledger())
    assert findings.wrong == wrong


def test_the_judge_sees_other_bytes_and_an_id_under_two_numbers() -> None:
    findings = Findings()
    judge_decisions(findings, "points", [entry(1)], [entry(1), entry(1, points=2)], Ledger())
    assert findings.wrong == {"different_bytes": 1}
    findings = Findings()
    judge_decisions(findings, "points", [entry(1)], [entry(1, points=2)], Ledger())
    assert findings.wrong == {"points_mismatches": 1}
    findings = Findings()
    twice = [entry(1), entry(2, name="e-1")]
    judge_decisions(findings, "points", twice, twice, Ledger())
    assert findings.wrong == {"duplicated": 1}


def test_the_judge_sees_that_a_reader_on_the_way_had_other_bytes() -> None:
    right = {"points": [entry(1), entry(2)]}
    reader = Ledger()
    for value in (entry(1), entry(2, points=7)):
        reader.take("points", value)
    findings = Findings()
    judge_audited(findings, right, reader.accepted())
    assert findings.wrong == {"audit_mismatches": 1}


@pytest.mark.parametrize(
    ("arrived", "taken", "wrong"),
    [
        ({b"a", b"b"}, 2, 0),
        ({b"a"}, 2, 1),
        ({b"a", b"b", b"c"}, 2, 1),
        ({b"a", b"b"}, 1, 1),
        ({b"a", b"b"}, 3, 1),
    ],
)
def test_the_judge_sees_an_effect_that_is_missing_foreign_or_taken_twice(
    arrived: set[bytes], taken: int, wrong: int
) -> None:
    sender = Exchanged(0, sent={1: {b"a", b"b"}}, numbered={1: 2})
    receiver = Exchanged(1, arrived=arrived, taken={0: taken})
    findings = Findings(seen=Counter({EFFECTS_APPLIED: taken}))
    judge_effects(findings, [sender, receiver])
    assert findings.wrong["effect_mismatches"] == wrong


def test_the_judge_sees_a_draw_that_is_not_what_the_log_leads_to() -> None:
    published = [terms_of_a_draw(closes_ms) for closes_ms in (1, 2)]
    findings = Findings()
    judge_draws(findings, published[:1], published[:1])
    assert not findings.wrong
    judge_draws(findings, published[:1], published)
    assert findings.wrong["draw_mismatches"]


def terms_of_a_draw(closes_ms: int) -> bytes:
    """What is published before the first ticket."""
    data = OpenedData(commitment="00" * 32, closes_ms=closes_ms, prizes=1)
    return msgspec.json.encode(DrawOpened(id="draw/ticket/opened", time=START, subject="ticket", data=data))
