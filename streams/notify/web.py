"""`/ready/` and `/metrics/` of the notifier, on the web port."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from streams.logs import fields, log
from streams.metrics import CONTENT_TYPE, Metrics

_OK = 200
_NOT_FOUND = 404
_UNAVAILABLE = 503
_IDLE_S = 10


class NotifierWeb:
    """Serves in threads of its own; a context manager.

    Args:
        host: Address to listen on.
        port: Port; 0 takes any free one.
        metrics: What to serve.
        look: Called before metrics are told, for those that change by themselves.
        is_ready: Whether notifications are read.
    """

    def __init__(
        self, host: str, port: int, *, metrics: Metrics, look: Callable[[], None], is_ready: Callable[[], bool]
    ) -> None:
        class Pages(BaseHTTPRequestHandler):
            timeout = _IDLE_S

            def do_GET(self) -> None:
                """Answer one request."""
                if self.path in {"/ready/", "/ready"}:
                    ready = is_ready()
                    self._answer(_OK if ready else _UNAVAILABLE, b"ready" if ready else b"joining")
                elif self.path in {"/metrics/", "/metrics"}:
                    look()
                    self._answer(_OK, metrics.render(), CONTENT_TYPE)
                else:
                    self._answer(_NOT_FOUND, b"there are /ready/ and /metrics/")

            def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Requests are not logged."""

        self._server = ThreadingHTTPServer((host, port), Pages)
        self._thread = Thread(target=self._server.serve_forever, name="web", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        log("notify").info("serving", extra=fields(port=self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
