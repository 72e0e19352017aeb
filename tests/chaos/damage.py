"""Damage to the files of a process that does not run."""

import random
from pathlib import Path

# RocksDB's own log of what it did, and its lock: nobody reads them to get at rows.
_IDLE = ("LOG", "LOCK", "OPTIONS", "IDENTITY")
_HITS = 8


def files_of(folder: Path) -> list[Path]:
    """Files that hold something, in order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(_IDLE) and path.stat().st_size > 0
    )


def truncate(folder: Path, draw: random.Random) -> str:
    """Cut a file short; returns which."""
    files = files_of(folder)
    if not files:
        return "nothing"
    path = draw.choice(files)
    kept = int(path.stat().st_size * draw.random())
    with path.open("r+b") as file:
        file.truncate(kept)
    return f"{path.name} to {kept} bytes"


def corrupt(folder: Path, draw: random.Random) -> str:
    """Change some bytes of a file; returns which."""
    files = files_of(folder)
    if not files:
        return "nothing"
    path = draw.choice(files)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(_HITS):
            at = draw.randrange(size)
            file.seek(at)
            old = file.read(1)
            file.seek(at)
            file.write(bytes((old[0] ^ (1 + draw.randrange(255)),)))
    return f"{path.name} of {size} bytes"
