"""A small HTTP client: connections that are kept, one per thread, and answers of which only so much is read."""

import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from threading import local
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_MOST_BYTES: Final = 64 * 1024
# How a kept connection shows that the other side has closed it meanwhile.
_GONE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)

HTTP_ERRORS: Final = (OSError, HTTPException)
"""What `HttpClient.ask` raises where there is no answer."""


class Answer(NamedTuple):
    """What the other side said; `headers` are by lower-case name, `body` is its first 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Speaks to the host of a URL. Redirects are answers like any other: nothing is sent on to somebody else.

    Args:
        url: Where to; only its scheme, host and port count here.
        timeout_s: How long a step of a request may take.
    """

    def __init__(self, url: str, timeout_s: int) -> None:
        self._at = urlsplit(url)
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context() if self._at.scheme == "https" else None
        self._kept = local()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send a request and read the answer.

        Raises:
            OSError: the connection failed or took too long.
            HTTPException: what came back is not HTTP.
        """
        kept: HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._ask(kept, method, path, headers, body)
            except _GONE:
                pass  # closed while it was idle: a new one can tell more
        return self._ask(self._connect(), method, path, headers, body)

    def close(self) -> None:
        """Close the calling thread's connection."""
        kept: HTTPConnection | None = getattr(self._kept, "connection", None)
        self._kept.connection = None
        if kept is not None:
            kept.close()

    def _connect(self) -> HTTPConnection:
        host = self._at.hostname or ""
        if self._tls is not None:
            return HTTPSConnection(host, self._at.port, timeout=self._timeout_s, context=self._tls)
        return HTTPConnection(host, self._at.port, timeout=self._timeout_s)

    def _ask(
        self, connection: HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self._kept.connection = None
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            read = answer.read(_MOST_BYTES)
        except BaseException:
            connection.close()
            raise
        if answer.isclosed():
            self._kept.connection = connection
        else:
            connection.close()  # more was left than is read
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, read)


def target_of(url: str) -> str:
    """Path and query of a URL, as a request names them.

    Example:
        >>> target_of("https://example.org/hooks?tenant=7"), target_of("https://example.org")
        ('/hooks?tenant=7', '/')
    """
    at = urlsplit(url)
    return (at.path or "/") + (f"?{at.query}" if at.query else "")
