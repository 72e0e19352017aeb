"""What listens on loopback: ports that are free, and pages of workers, trainers and notifiers."""

import socket
import urllib.request
from urllib.error import HTTPError, URLError

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def page(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, ""
    except (URLError, TimeoutError):
        return 0, ""
