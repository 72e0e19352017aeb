"""What an answer of a mail server or an HTTP endpoint means for a delivery."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from streams.notify.deliveries import Failed, HandedOver, Outcome

# Of all that a client is said to have done wrong, these go away by themselves: too slow, too early, too often.
_TEMPORARY: Final = frozenset({408, 425, 429})
_DONE: Final = range(200, 300)
_CLIENT: Final = range(400, 500)
_SMTP_PERMANENT: Final = range(500, 600)
_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_MS_PER_S = 1_000
# A receiver that asks for more is asked again at this time all the same.
_LONGEST_RETRY_AFTER_S = 24 * 3_600


def http_outcome(status: int, headers: Mapping[str, str], now_ms: int) -> Outcome:
    """What the answer to a webhook's POST means. `headers` are by lower-case name.

    Example:
        >>> http_outcome(204, {}, 0)
        HandedOver()
        >>> http_outcome(503, {"retry-after": "120"}, 0)
        Failed(code='http 503', reason='not_reached', for_good=False, retry_after_ms=120000)
        >>> http_outcome(410, {}, 0).for_good
        True
    """
    if status in _DONE:
        return HandedOver()
    if status in _CLIENT and status not in _TEMPORARY:
        return Failed(code=f"http {status}", reason="refused", for_good=True)
    return Failed(code=f"http {status}", retry_after_ms=retry_after_ms(headers.get("retry-after", ""), now_ms))


def retry_after_ms(value: str, now_ms: int) -> int:
    """How long a `Retry-After` asks to wait: seconds, or an HTTP date; 0 where it says neither.

    Example:
        >>> retry_after_ms("5", 0), retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), retry_after_ms("soon", 0)
        (5000, 40000, 0)
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait_ms = int(text) * _MS_PER_S
    else:
        try:
            wait_ms = int(parsedate_to_datetime(text).timestamp() * _MS_PER_S) - now_ms
        except ValueError:
            return 0
    return max(0, min(wait_ms, _LONGEST_RETRY_AFTER_S * _MS_PER_S))


def smtp_failure(code: int, said: bytes, *, of_recipient: bool) -> Failed:
    """What a mail server's refusal means.

    Args:
        code: The reply code.
        said: The reply's text; only its enhanced status code is taken, because the rest may quote the address.
        of_recipient: Whether the recipient or the message was refused, not the connection, the login or the sender:
            those are for the operator to mend, and the message can wait for that.

    Example:
        >>> smtp_failure(550, b"5.1.1 <a@example.org>: no such user", of_recipient=True)
        Failed(code='smtp 550 5.1.1', reason='refused', for_good=True, retry_after_ms=0)
        >>> smtp_failure(451, b"try later", of_recipient=True)
        Failed(code='smtp 451', reason='not_reached', for_good=False, retry_after_ms=0)
    """
    enhanced = _ENHANCED.match(said)
    name = f"smtp {code} {enhanced[1].decode()}" if enhanced else f"smtp {code}"
    for_good = of_recipient and code in _SMTP_PERMANENT
    return Failed(code=name, reason="refused" if for_good else "not_reached", for_good=for_good)
