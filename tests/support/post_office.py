"""A real mail server and a real gateway on loopback, and notifications to send through them."""

from __future__ import annotations

import json
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from loyalty.decisions import (
    NOTIFICATION_TYPE,
    SOURCE,
    Cause,
    Notification,
    NotificationData,
    NotificationKind,
    derived_id,
    encode_decision,
    instant,
)
from streams.notify.deliveries import Delivery
from tests.support.web import HOST, free_port

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def notification(
    kind: NotificationKind = "tier_upgraded",
    member: str = "m-1",
    sequence: int = 1,
    **data: Any,  # noqa: ANN401 - the fields of NotificationData
) -> Notification:
    """What the engine would publish."""
    return Notification(
        id=derived_id(member, SOURCE, "notification", kind, str(sequence)),
        type=NOTIFICATION_TYPE + kind,
        time=instant(NOON_MS),
        subject=member,
        data=NotificationData(
            **{"sequence": sequence, "kind": kind, "about": "gold", "cause": Cause("shop", "o-1"), **data},
            policy_version=1,
            engine=1,
        ),
    )


def record(
    kind: NotificationKind = "tier_upgraded",
    member: str = "m-1",
    sequence: int = 1,
    **data: Any,  # noqa: ANN401 - as above
) -> bytes:
    """The same as a record."""
    return encode_decision(notification(kind, member, sequence, **data))


def delivery_of(
    value: bytes,
    channel: str = "email",
    queued_ms: int = NOON_MS,
    **more: Any,  # noqa: ANN401 - the fields of Delivery
) -> Delivery:
    """A notification on its way."""
    read = msgspec.json.decode(value, type=Notification)
    fields = {"partition": 0, "queued_ms": queued_ms, "due_ms": queued_ms, **more}
    return Delivery(id=read.id, channel=channel, member=read.subject, value=value, **fields)


class MailServer:
    """Takes mail, as long as it is up; a context manager.

    Args:
        tls: Offers STARTTLS with this context, and insists on the login `club` / `secret`.
        refusals: What to answer to a recipient instead of taking it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, refusals: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.mails: list[Message] = []
        self.recipients: list[str] = []
        self.refusals = dict(refusals or {})
        self._tls = tls
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Listen."""
        secure: dict[str, Any] = {
            "tls_context": self._tls,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": self._authenticate,
        }
        self._controller = Controller(self, hostname=HOST, port=self.port, **(secure if self._tls else {}))
        self._controller.start()

    def down(self) -> None:
        """Listen no more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def ids(self) -> list[str]:
        """The Message-IDs of what came, in order."""
        return [str(mail["Message-ID"]) for mail in self.mails]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient or not."""
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep a mail."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.recipients += envelope.rcpt_tos
        self.mails.append(message_from_bytes(content, policy=default))
        return "250 kept"

    def _authenticate(self, *asked: object) -> AuthResult:
        data = asked[-1]
        return AuthResult(success=data == LoginPassword(b"club", b"secret"))


class Gateway:
    """Takes webhooks, and is asked for contacts; a context manager. Answers come from `answers`, then 204."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: deque[tuple[int, dict[str, str], bytes]] = deque()
        self.contacts: dict[str, dict[str, object]] = {}
        self.gone: set[str] = set()
        self.answering = Event()
        self.answering.set()
        gateway = self

        self._connections: list[socket.socket] = []

        class Pages(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                gateway._connections.append(self.connection)

            def do_GET(self) -> None:
                gateway.asked.append((self.path, dict(self.headers), b""))
                name = self.path.rpartition("/")[2]
                found = gateway.contacts.get(name)
                missing = 410 if name in gateway.gone else 404
                self._answer(missing if found is None else 200, {}, json.dumps(found or {}).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.requests.append((self.path, dict(self.headers), body))
                gateway.answering.wait()
                self._answer(*(gateway.answers.popleft() if gateway.answers else (204, {}, b"")))

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Pages)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies that came, decoded."""
        return [json.loads(body) for _, _, body in self.requests]

    def close_all(self) -> None:
        """Close the connections that are kept, as a gateway does that restarts."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
