"""What an answer means: taken, refused for good, or to be tried again, and when."""

import pytest

from streams.notify.answers import http_outcome, retry_after_ms, smtp_failure
from streams.notify.deliveries import Failed, HandedOver


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_taken(status: int) -> None:
    assert http_outcome(status, {}, 0) == HandedOver()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 451])
def test_what_a_gateway_blames_on_the_request_is_refused_for_good(status: int) -> None:
    assert http_outcome(status, {}, 0) == Failed(code=f"http {status}", reason="refused", for_good=True)


@pytest.mark.parametrize("status", [301, 302, 307, 408, 425, 429, 500, 502, 503, 504])
def test_everything_else_is_tried_again(status: int) -> None:
    assert http_outcome(status, {}, 0) == Failed(code=f"http {status}")
    assert http_outcome(status, {"retry-after": "7"}, 0) == Failed(code=f"http {status}", retry_after_ms=7_000)


@pytest.mark.parametrize(
    ("said", "wait_ms"),
    [
        ("0", 0),
        ("-5", 0),
        ("", 0),
        ("later", 0),
        (" 30 ", 30_000),
        ("999999999", 24 * 3_600_000),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 60_000),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("٣", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(said: str, wait_ms: int) -> None:
    assert retry_after_ms(said, 60_000) == wait_ms


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554, 501])
def test_a_recipient_that_is_refused_is_given_up_and_a_login_or_sender_is_the_operators_to_mend(code: int) -> None:
    assert smtp_failure(code, b"no", of_recipient=True).for_good
    assert not smtp_failure(code, b"no", of_recipient=False).for_good


@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_mailbox_that_is_busy_is_tried_again(code: int) -> None:
    assert smtp_failure(code, b"", of_recipient=True) == Failed(code=f"smtp {code}")


def test_nothing_but_codes_is_kept_of_what_a_server_says() -> None:
    failed = smtp_failure(550, b"5.1.1 <ann@example.org> User unknown", of_recipient=True)
    assert failed.code == "smtp 550 5.1.1"
