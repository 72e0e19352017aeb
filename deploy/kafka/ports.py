"""Free loopback ports that stay free while a broker is down.

The kernel hands out ephemeral ports (32768 and up on Linux) to outgoing connections, so a broker that is stopped for a
while could lose such a port to a client. These come from below that range.
"""

import os
import socket
from collections.abc import Iterator

_LOWEST = 20_000
_SPAN = 12_000


def free_ports(count: int, host: str) -> list[int]:
    """`count` different ports of `host` on which nobody listens now.

    Processes start their search at different places, so two that start at the same moment seldom meet; a broker that
    finds its port taken all the same fails to start, and the launcher tries again with others.

    Example:
        >>> len(set(free_ports(3, "127.0.0.1")))
        3
    """
    found: list[int] = []
    for port in _candidates():
        if _is_free(port, host):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"fewer than {count} free ports between {_LOWEST} and {_LOWEST + _SPAN} on {host}")


_searches = 0


def _candidates() -> Iterator[int]:
    global _searches  # noqa: PLW0603 - each search of a process starts elsewhere, a retry too
    _searches += 1
    start = (os.getpid() * 37 + _searches * 1_009) % _SPAN
    return (_LOWEST + (start + step) % _SPAN for step in range(_SPAN))


def _is_free(port: int, host: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
