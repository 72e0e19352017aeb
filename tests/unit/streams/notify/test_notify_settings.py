"""The settings of the notifier: documented, and what does not fit together is refused with everything that is wrong."""

from pathlib import Path

import pytest

from features.errors import SettingsError
from streams.notify.channels import open_channel
from streams.notify.settings import (
    Console,
    NotifySettings,
    Smtp,
    Webhook,
    describe_notify_settings,
    load_notify_settings,
)

GOOD = """
default_channel = "email"
default_time_zone = "Europe/Berlin"
urgent = ["draw_won"]

[channels.email]
kind = "smtp"
host = "mail.example.org"
sender = "Club <club@example.org>"

[channels.sms]
kind = "webhook"
url = "https://sms.example.org/send"
needs_address = true

[contacts]
url = "https://crm.example.org/members/{member}/contact"
"""


def load(folder: Path, text: str) -> NotifySettings:
    file = folder / "notify.toml"
    file.write_text(text, encoding="utf-8")
    return load_notify_settings(file)[0]


def test_channels_are_named_and_each_says_its_kind(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.channels == {
        "email": Smtp(host="mail.example.org", sender="Club <club@example.org>"),
        "sms": Webhook(url="https://sms.example.org/send", needs_address=True),
    }
    assert settings.rules.urgent == {"draw_won"}


def test_without_a_file_everything_goes_to_the_console() -> None:
    assert load_notify_settings(None)[0].channels == {"console": Console()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"email"', '"mail"'), "'mail' is none of the channels email, sms"),
        (("Europe/Berlin", "Europe/Atlantis"), "Atlantis"),
        (('kind = "smtp"', 'kind = "pigeon"'), "pigeon"),
        (("default_channel", 'quiet_hours = "late"\ndefault_channel'), "21:00-08:00"),
        (("default_channel", 'default_language = "tlh"\ndefault_channel'), "no texts in 'tlh', only in de, en"),
        (('["draw_won"]', '["draw_lost"]'), "draw_lost"),
        (("[contacts]", '[contacts]\nfile = "contacts.jsonl"'), "a url or a file"),
        (("{member}", "all"), "contacts"),
        (("[channels.sms]", "[channels.SMS]"), "channels.SMS: a name is made of"),
        (("default_channel", "first_retry_s = 3600\nlongest_retry_s = 5\ndefault_channel"), "less than first_retry_s"),
        (('host = "mail.example.org"', 'hots = "mail.example.org"'), "hots"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD.replace(*change, 1))
    assert said in str(caught.value)


def test_secrets_and_senders_that_cannot_be_used_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    empty, odd = tmp_path / "empty", tmp_path / "odd"
    empty.write_text("\n")
    odd.write_text("whsec_not base64!")
    for channel, said in (
        (Webhook(url="http://a/", secret_file=empty), "is empty"),
        (Webhook(url="http://a/", secret_file=odd), "is not base64"),
        (Webhook(url="http://a/", secret_file=tmp_path / "none"), "cannot be read"),
        (Smtp(host="a", sender="club\n@example.org"), "write Name <box@domain>"),
        (Smtp(host="a", sender="a@b", ca_file=empty), "no certificates"),
    ):
        with pytest.raises(SettingsError, match=said):
            open_channel(channel)


def test_every_setting_is_in_the_documentation_with_its_default(repository: Path) -> None:
    page = (repository / "docs" / "notifications.md").read_text(encoding="utf-8")
    rows = describe_notify_settings()
    assert [row.name for row in rows] == list(NotifySettings.__struct_fields__)
    for row in rows:
        assert f"| `{row.name}` | {row.unit} | {row.default} | {row.why} |" in page
    for section in (Smtp, Webhook, Console):
        for field in section.__struct_fields__:
            assert f"`{field}`" in page
