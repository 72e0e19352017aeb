"""Whether a store on disk is too old to read on from where it stands.

The changelog keeps a deletion for a while after it was written, then compaction forgets it. A store that stands before
a forgotten deletion, and reads on behind it, would keep the row for ever.
"""

import shutil
import time
from pathlib import Path

from streams.logs import fields, log
from streams.topics import DAY_MS, DELETIONS_KEPT_MS

# Disks' and brokers' clocks need not agree.
_MARGIN_MS = DAY_MS


def remove_outdated(folder: Path) -> None:
    """Delete a store that was off for too long; it is built anew from the changelog."""
    if is_outdated(folder):
        log("store").warning("the store was off for too long: building it anew", extra=fields(folder=folder))
        shutil.rmtree(folder)


def is_outdated(folder: Path) -> bool:
    """Whether nothing was written into a store's folder for about as long as the changelog keeps deletions."""
    files = (*folder.glob("*.sst"), *folder.glob("MANIFEST-*"))  # RocksDB writes into others while there are no rows
    newest = max((file.stat().st_mtime for file in files), default=time.time())
    return time.time() - newest > (DELETIONS_KEPT_MS - _MARGIN_MS) / 1000
