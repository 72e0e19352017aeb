"""`python -m benchmarks.profile`: where the pure pipeline's time goes, by layer, by module and by function."""

import argparse
import cProfile
import pstats
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

from benchmarks.memory import fold_all
from benchmarks.workloads import WorkloadName, actions_of, log_of

_ROOT = Path(__file__).parents[1]
_LAYERS = ("features", "loyalty", "online_models", "streams")
_COUNT = 15_000
_MOST_MODULES = 20
_MOST_FUNCTIONS = 30
_ELSEWHERE = "libraries"


def owner(file: str, root: Path = _ROOT) -> tuple[str, str]:
    """Layer and module of a source file; functions in C and libraries belong to no layer.

    Example:
        >>> owner("/code/loyalty/policy/model.py", Path("/code"))
        ('loyalty', 'loyalty/policy/model.py')
        >>> owner("~", Path("/code"))
        ('libraries', 'libraries')
    """
    if not file.startswith(f"{root}/"):
        return _ELSEWHERE, _ELSEWHERE
    module = Path(file).relative_to(root).as_posix()
    layer = module.split("/")[0]
    return (layer, module) if layer in _LAYERS else (_ELSEWHERE, _ELSEWHERE)


def shares(stats: pstats.Stats) -> tuple[Counter[str], Counter[str]]:
    """Seconds by layer and by module. What a library function takes is its callers' own, in proportion."""
    layers: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for (file, _, _), (_, _, own_s, _, callers) in stats.stats.items():  # type: ignore[attr-defined]  # not in typeshed
        mine = owner(file)
        if mine[0] != _ELSEWHERE or not callers:
            layers[mine[0]] += own_s
            modules[mine[1]] += own_s
            continue
        for (caller, _, _), (_, _, own_for_caller_s, _) in callers.items():
            layer, module = owner(caller)
            layers[layer] += own_for_caller_s
            modules[module] += own_for_caller_s
    return layers, modules


def main(workload: WorkloadName = "lines") -> None:
    """Profile a fold and print the shares. The profiler slows Python down about threefold; shares are what counts."""
    records = log_of(actions_of(workload, _COUNT))
    profiler = cProfile.Profile()
    profiler.enable()
    fold_all(records)
    profiler.disable()
    stats = pstats.Stats(profiler, stream=sys.stdout)
    layers, modules = shares(stats)
    whole = sum(layers.values())
    print(f"{_COUNT:,} actions, workload {workload}")  # noqa: T201 - the answer of a command
    for title, counter in (("layer", layers), ("module", modules)):
        print(f"\n{title:40} share")  # noqa: T201 - the answer of a command
        for name, own_s in counter.most_common(_MOST_MODULES):
            print(f"{name:40} {own_s / whole:5.1%}")  # noqa: T201 - the answer of a command
    print()  # noqa: T201 - the answer of a command
    stats.strip_dirs().sort_stats("tottime").print_stats(_MOST_FUNCTIONS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--workload", choices=get_args(WorkloadName), default="lines", help="what is folded")
    main(parser.parse_args().workload)
