"""Files that appear whole or not at all, also across a loss of power."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file; a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
