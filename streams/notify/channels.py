"""Channels: each hands a message over and says how that went. Called from several threads."""

import sys
from threading import Lock
from typing import Protocol, assert_never

from features.errors import SettingsError
from streams.notify.answers import http_outcome
from streams.notify.deliveries import Failed, HandedOver, Outcome
from streams.notify.http import HTTP_ERRORS, HttpClient, target_of
from streams.notify.messages import Message, console_line, secret_key, webhook_body, webhook_headers
from streams.notify.secrets import read_secret
from streams.notify.settings import Channel, Console, Smtp, Webhook
from streams.notify.smtp import MailServer


class Sender(Protocol):
    """Hands messages over."""

    def send(self, message: Message, now_ms: int) -> Outcome:
        """Hand one over; returns how that went, and raises nothing that a receiver can cause."""
        ...

    def close(self) -> None:
        """Give up what the calling thread keeps open."""
        ...


def open_channel(channel: Channel) -> Sender:
    """The sender of a configured channel.

    Raises:
        SettingsError: a file that it names cannot be used.
    """
    match channel:
        case Console():
            return ConsoleWriter()
        case Smtp():
            return MailServer(channel)
        case Webhook():
            return WebhookCaller(channel)
        case _:
            assert_never(channel)


def needs_address(channel: Channel) -> bool:
    """Whether nothing can be sent there without the member's address."""
    return isinstance(channel, Smtp) or (isinstance(channel, Webhook) and channel.needs_address)


class ConsoleWriter:
    """Writes lines to standard output."""

    def __init__(self) -> None:
        self._lock = Lock()

    def send(self, message: Message, now_ms: int) -> Outcome:
        """Write one line."""
        with self._lock:
            try:
                sys.stdout.buffer.write(console_line(message, now_ms))
                sys.stdout.buffer.flush()
            except OSError as failure:
                return Failed(code=type(failure).__name__)
        return HandedOver()

    def close(self) -> None:
        """Nothing is kept."""


class WebhookCaller:
    """Posts to a gateway.

    Raises:
        SettingsError: the secret cannot be used.
    """

    def __init__(self, settings: Webhook) -> None:
        self._client = HttpClient(settings.url, settings.timeout_s)
        self._target = target_of(settings.url)
        self._secret = read_secret(settings.secret_file)
        try:
            secret_key(self._secret)
        except ValueError as wrong:
            raise SettingsError(f"{settings.secret_file}: begins with whsec_ but is not base64 ({wrong})") from wrong

    def send(self, message: Message, now_ms: int) -> Outcome:
        """Post one message."""
        body = webhook_body(message)
        headers = webhook_headers(message, body, self._secret, now_ms)
        try:
            answer = self._client.ask("POST", self._target, headers, body)
        except HTTP_ERRORS as failure:
            return Failed(code=type(failure).__name__)
        return http_outcome(answer.status, answer.headers, now_ms)

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._client.close()
