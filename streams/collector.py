"""When Python's garbage collector looks for cycles: seldom, because the engine makes next to none."""

import gc

# Net allocations between two looks at the youngest objects (700 by default), and how often the older ones follow.
_THRESHOLDS = (50_000, 20, 50)


def collect_seldom() -> None:
    """Set the collector up for this process, once everything is imported.

    What was imported lives as long as the process, and members in memory hold no cycles: by default the collector goes
    over them again and again and finds nothing. Seldom enough saves 10% of a fold's time (docs/performance.md).
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
