"""When Python's garbage collector looks for cycles: seldom, as the engine makes next to none, and in small bites."""

import gc

# Net allocations between two looks at the youngest objects (700 by default), and how often the older ones follow. The
# first two bound a pause: the process stands still while 14,000 objects are gone over, some ms. The product says how
# seldom all members in memory are gone over, which takes a second: after 70 million, and only once a quarter of what
# lives is new (a rule of CPython's own). Bursts of objects that soon go count too: millions of actions, not never.
_THRESHOLDS = (2_000, 5, 5_000)


def collect_seldom() -> None:
    """Set the collector up for this process, once everything is imported.

    What was imported lives as long as the process, and members in memory hold no cycles: by default the collector goes
    over them again and again and finds nothing. What it is worth: docs/performance.md.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
