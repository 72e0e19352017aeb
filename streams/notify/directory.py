"""The contact directory: who can be reached where is asked at the moment of sending, and kept nowhere.

Two kinds: the platform's own service over HTTP, and a file for small programmes and trials. Without either, everyone is
reached by what the settings say, which is enough for gateways that know members by their id.
"""

from pathlib import Path
from threading import Lock
from typing import Protocol
from urllib.parse import quote

from features.errors import ContractError, SettingsError
from streams.logs import fields, log
from streams.notify.answers import retry_after_ms
from streams.notify.contacts import UNLISTED, Contact, decode_contact
from streams.notify.deliveries import Failed
from streams.notify.http import HTTP_ERRORS, HttpClient, target_of
from streams.notify.secrets import read_secret
from streams.notify.settings import Directory

_OK = 200
_NOT_FOUND = 404
_GONE = 410


class ContactDirectory(Protocol):
    """Finds a member's contact. Called from many threads."""

    def find(self, member: str, now_ms: int) -> Contact | Failed:
        """The contact, or why there is none."""
        ...

    def close(self) -> None:
        """Give up what the calling thread keeps open."""
        ...


def open_directory(settings: Directory) -> ContactDirectory:
    """The directory that the settings name.

    Raises:
        SettingsError: its file or its token cannot be read.
    """
    if settings.url is not None:
        return HttpDirectory(settings.url, settings.token_file, settings.timeout_s)
    return NoDirectory() if settings.file is None else FileDirectory(settings.file)


class NoDirectory:
    """Everyone is as the settings say."""

    def find(self, _member: str, _now_ms: int) -> Contact | Failed:
        """The contact that says nothing."""
        return UNLISTED

    def close(self) -> None:
        """Nothing is kept open."""


class FileDirectory:
    """A file of JSON Lines, one contact each; read again when it has changed.

    Raises:
        SettingsError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._version = self._stamp()
        self._contacts = self._read()

    def find(self, member: str, _now_ms: int) -> Contact | Failed:
        """The member's line. A file that is broken meanwhile is said to be, and the last good one holds."""
        with self._lock:
            try:
                if (stamp := self._stamp()) != self._version:
                    self._version = stamp
                    self._contacts = self._read()
            except SettingsError:
                log("notify").exception("the contacts cannot be read: the last good ones hold")
            found = self._contacts.get(member)
        return Failed(code="not listed", reason="unknown_member") if found is None else found

    def close(self) -> None:
        """Nothing is kept open."""

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as failure:
            raise SettingsError(
                f"{self._path}: cannot be read ({failure.strerror}); name a file of contacts"
            ) from failure
        return status.st_mtime_ns, status.st_size

    def _read(self) -> dict[str, Contact]:
        contacts: dict[str, Contact] = {}
        for number, line in enumerate(self._path.read_bytes().splitlines(), start=1):
            if line.strip():
                try:
                    contact = decode_contact(line)
                except ContractError as wrong:
                    raise SettingsError(f"{self._path}:{number}: {wrong}") from wrong
                contacts[contact.member] = contact
        return contacts


class HttpDirectory:
    """The platform's own service: `GET <url>` with the member's id in it.

    200 is a contact, 404 a member that is not known yet, 410 one that never will be again.
    """

    def __init__(self, url: str, token_file: Path | None, timeout_s: int) -> None:
        self._target = target_of(url)
        self._client = HttpClient(url, timeout_s)
        token = read_secret(token_file)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def find(self, member: str, now_ms: int) -> Contact | Failed:
        """Ask for the member's contact."""
        target = self._target.replace("{member}", quote(member, safe=""))
        try:
            answer = self._client.ask("GET", target, self._headers)
        except HTTP_ERRORS as failure:
            return Failed(code=f"contacts {type(failure).__name__}")
        if answer.status == _OK:
            return _contact(answer.body)
        return Failed(
            code=f"contacts http {answer.status}",
            reason="unknown_member" if answer.status in {_NOT_FOUND, _GONE} else "not_reached",
            for_good=answer.status == _GONE,
            retry_after_ms=retry_after_ms(answer.headers.get("retry-after", ""), now_ms),
        )

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._client.close()


def _contact(body: bytes) -> Contact | Failed:
    try:
        return decode_contact(body)
    except ContractError as wrong:
        log("notify").error("the directory's answer is no contact", extra=fields(cause=str(wrong)))
        return Failed(code="contacts unreadable")
