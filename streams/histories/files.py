"""Action files: one CloudEvent per line, plain or gzipped by the name's ending."""

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from features.errors import HistoryError

_GZIP_LEVEL = 6
# Longer than any record that a topic takes, so that a file without line ends cannot fill the memory.
MAX_LINE_BYTES = 16 * 1024 * 1024


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of an action file without their ends; empty lines are skipped.

    Raises:
        HistoryError: the file cannot be read, is cut short, or a line is longer than `MAX_LINE_BYTES`.
    """
    try:
        with _open(path, "rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise HistoryError(
                        f"{path}:{number}: the line is longer than {MAX_LINE_BYTES} bytes; cut it or drop it"
                    )
                if stripped := line.rstrip(b"\r\n"):
                    yield stripped
    except (OSError, EOFError) as failure:
        raise HistoryError(f"{path}: cannot be read: {failure}; name an existing .jsonl or .jsonl.gz file") from failure


def write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines to a file that appears whole or not at all; the same lines make the same bytes.

    Returns:
        How many lines were written.

    Raises:
        HistoryError: the file cannot be written.
    """
    part = path.with_name(f".{os.getpid()}-{path.name}")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open(part, "wb") as file:
            for line in lines:
                file.write(line + b"\n")
                count += 1
        part.replace(path)
    except OSError as failure:
        raise HistoryError(f"{path}: cannot be written: {failure}") from failure
    finally:
        if part.exists():
            part.unlink()
    return count


@contextmanager
def _open(path: Path, mode: str) -> Iterator[IO[bytes]]:
    with path.open(mode) as raw:
        if path.suffix != ".gz":
            yield cast("IO[bytes]", raw)
            return
        # No name and time in the header, so that equal content makes equal files.
        with gzip.GzipFile(filename="", fileobj=raw, mode=mode, compresslevel=_GZIP_LEVEL, mtime=0) as packed:
            yield cast("IO[bytes]", packed)
