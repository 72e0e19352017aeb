"""The mail server: one connection per thread, kept while it is of use."""

import smtplib
import ssl
from email.message import EmailMessage
from threading import local
from typing import Final

from features.errors import SettingsError
from streams.notify.answers import smtp_failure
from streams.notify.deliveries import Failed, HandedOver, Outcome
from streams.notify.messages import Message, email_of
from streams.notify.secrets import read_secret
from streams.notify.settings import Smtp

_OK: Final = 250
_BAD_ADDRESS: Final = Failed(code="address", reason="bad_address", for_good=True)


class MailServer:
    """Sends e-mail.

    Raises:
        SettingsError: a file that the settings name cannot be used.
    """

    def __init__(self, settings: Smtp) -> None:
        self._settings = settings
        self._password = read_secret(settings.password_file)
        try:
            self._tls = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as failure:
            raise SettingsError(f"{settings.ca_file}: holds no certificates ({failure})") from failure
        try:
            EmailMessage()["From"] = settings.sender
        except (ValueError, IndexError) as wrong:
            raise SettingsError(f"sender {settings.sender!r}: {wrong}; write Name <box@domain>") from wrong
        self._kept = local()

    def send(self, message: Message, _now_ms: int) -> Outcome:
        """Send one e-mail. A kept connection that the server has closed meanwhile is replaced once."""
        mail = email_of(message, self._settings.sender)
        if mail is None:
            return _BAD_ADDRESS
        try:
            server = self._connected()
            server.send_message(mail, to_addrs=[message.address])
        except smtplib.SMTPNotSupportedError:
            self.close()
            # Only an address can ask for what a server lacks (SMTPUTF8); STARTTLS is asked for while connecting.
            return _BAD_ADDRESS if not message.address.isascii() else Failed(code="smtp not supported")
        except (smtplib.SMTPException, OSError) as failure:
            self.close()
            return _failed(failure, message.address)
        return HandedOver()

    def close(self) -> None:
        """Close the calling thread's connection."""
        server: smtplib.SMTP | None = getattr(self._kept, "server", None)
        self._kept.server = None
        if server is not None:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        kept: smtplib.SMTP | None = getattr(self._kept, "server", None)
        if kept is not None:
            try:
                if kept.noop()[0] == _OK:
                    return kept
            except (smtplib.SMTPException, OSError):
                pass  # closed while it was idle
            self.close()
        server = self._connect()
        self._kept.server = server
        return server

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=self._tls
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                server.starttls(context=self._tls)
            if settings.user:
                server.login(settings.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _failed(failure: Exception, address: str) -> Failed:
    """What an exception of smtplib means."""
    match failure:
        case smtplib.SMTPRecipientsRefused():
            code, said = failure.recipients[address]
            return smtp_failure(code, said, of_recipient=True)
        case smtplib.SMTPDataError():
            return smtp_failure(failure.smtp_code, _bytes(failure.smtp_error), of_recipient=True)
        case smtplib.SMTPResponseException():
            return smtp_failure(failure.smtp_code, _bytes(failure.smtp_error), of_recipient=False)
        case _:
            return Failed(code=type(failure).__name__)


def _bytes(said: bytes | str) -> bytes:
    return said.encode() if isinstance(said, str) else said
