"""Where and how a member can be reached, as the platform's directory says it. Read when it is needed, kept nowhere."""

import msgspec

from features.errors import ContractError


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One member's entry in the contact directory; what is left out is as the settings have it.

    `addresses` are by the name of a channel. `time_zone` is an IANA name, `language` a code such as `de` or `de-AT`.
    `quiet_hours` is `HH:MM-HH:MM` in the member's zone, or `none`. `opted_out` names channels and kinds of notification
    that the member does not want.
    """

    member: str = ""
    addresses: dict[str, str] = msgspec.field(default_factory=dict)
    language: str = ""
    time_zone: str = ""
    quiet_hours: str = ""
    opted_out: tuple[str, ...] = ()


UNLISTED = Contact()
"""Stands for everyone where there is no directory: nothing but the settings' own choices."""

_DECODER = msgspec.json.Decoder(Contact)


def decode_contact(raw: bytes) -> Contact:
    """Read an entry.

    Raises:
        ContractError: it is not what a directory should say; the message names the field and nothing of the member.

    Example:
        >>> decode_contact(b'{"member":"m-1","addresses":{"email":"a@example.org"},"language":"de"}').language
        'de'
    """
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as wrong:
        raise ContractError(f"contact: {wrong}; docs/notifications.md shows an entry") from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise ContractError("contact: is not JSON; docs/notifications.md shows an entry") from wrong
