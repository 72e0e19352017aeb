"""Words for every kind of notification in every language; an operator's own over them."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from features.errors import SettingsError
from features.event_time import ZoneRules
from loyalty.decisions import NotificationKind
from streams.notify.catalogue_files import load_catalogues
from streams.notify.texts import Text, render
from streams.zones import zone_rules
from tests.support.post_office import notification

CATALOGUES = load_catalogues(None)
KINDS: tuple[NotificationKind, ...] = get_args(NotificationKind)
UTC = ZoneRules.utc()
NEW_YEAR_MS = 1_798_761_600_000  # 2027-01-01T00:00:00Z
REASONS = {"reward_refused": "out_of_stock", "draw_won": "ticket 31, prize 2", "reward_granted": "ticket 31 chain ab12"}


def say(kind: NotificationKind, language: str = "en", zone: ZoneRules = UTC, scale: int = 1, **data: Any) -> Text:  # noqa: ANN401 - the fields of a notification
    return render(notification(kind, **data), CATALOGUES[language], zone, scale)


@pytest.mark.parametrize("language", CATALOGUES)
@pytest.mark.parametrize("kind", KINDS)
def test_there_are_words_for_every_kind_in_every_language_with_and_without_details(
    kind: NotificationKind, language: str
) -> None:
    full = say(kind, language, points=12_500, due_ms=NEW_YEAR_MS, reason=REASONS.get(kind, ""), reached=3, target=10)
    bare = say(kind, language, due_ms=NEW_YEAR_MS if kind == "points_will_expire" else 0)
    for text in (full, bare):
        assert text.subject
        assert text.body.endswith((".", "12"))
        assert not re.search(r"[{}\n]|  | \.|_", text.subject + text.body)
    if kind.startswith("tier_") or kind == "points_will_expire":
        assert "2026" in full.body or "2027" in full.body
    if kind.startswith(("reward_", "milestone_", "points_")):
        assert {"en": "12,500", "de": "12.500"}[language] in full.body


def test_a_tier_that_ends_with_the_year_is_valid_until_its_last_day_and_points_expire_with_the_next() -> None:
    assert say("tier_upgraded", due_ms=NEW_YEAR_MS).body == (
        "Congratulations, your tier is now gold. It is yours until 31 December 2026."
    )
    assert say("points_will_expire", points=40, due_ms=NEW_YEAR_MS).body == (
        "40 of your points expire on 1 January 2027. Use them before that day."
    )
    assert say("points_will_expire", "de", points=40, due_ms=NEW_YEAR_MS).subject == "40 Punkte verfallen bald"


def test_days_are_those_of_the_members_zone() -> None:
    tokyo, new_york = zone_rules("Asia/Tokyo"), zone_rules("America/New_York")
    said = [say("points_will_expire", zone=zone, due_ms=NEW_YEAR_MS - 1).body for zone in (UTC, tokyo, new_york)]
    assert ["31 December 2026" in said[0], "1 January 2027" in said[1], "31 December 2026" in said[2]] == [True] * 3


def test_points_are_counted_in_whole_ones() -> None:
    assert "1,250.5 points" in say("reward_cancelled", scale=10, points=12_505).body
    assert "1.250,5 Punkte" in say("reward_cancelled", "de", scale=10, points=12_505).body


def test_a_refusal_says_why_and_one_that_is_not_listed_says_so_in_general() -> None:
    assert "you do not have enough points" in say("reward_refused", reason="insufficient_points").body
    assert "it is not possible at the moment" in say("reward_refused", reason="of_tomorrow").body


def test_a_winner_reads_ticket_and_prize_in_the_own_language() -> None:
    assert "Auf Ihr Los Nummer 31 fällt Preis 2." in say("draw_won", "de", reason="ticket 31, prize 2").body


def test_no_word_of_a_record_makes_a_second_line_in_a_subject() -> None:
    assert say("tier_upgraded", about="gold\nBcc: all@example.org").subject == (
        "You have reached gold Bcc: all@example.org"
    )


def test_an_operators_words_and_names_come_before_ours_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[names]\ngold = "Gold"\n[kinds.tier_upgraded]\nsubject = "Hooray, {about}!"\n')
    text = render(notification(), load_catalogues(tmp_path)["en"], UTC)
    assert text == Text("Hooray, Gold!", "Congratulations, your tier is now Gold.")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('[kinds.tier_upgraded]\nbody = "{member}"', r"there is no {member}"),
        ('[kinds.tier_upgraded]\nbody = "{about.__class__}"', r"there is no {about.__class__}"),
        ('[kinds.tier_upgraded]\nbody = "{points:d}"', r"a placeholder is a name alone"),
        ('[kinds.tier_upgraded]\nbody = "{"', r"a brace is written twice"),
        ('[kinds.tier_lost]\nsubject = ""\nbody = ""', r"tier_lost"),
        ('[formats]\nmonths = ["Jan"]', r"needs 12 names"),
        ("[kinds", r"cannot be read as TOML"),
    ],
)
def test_words_that_cannot_be_used_are_refused_before_anything_is_sent(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "en.toml").write_text(file)
    with pytest.raises(SettingsError, match=said):
        load_catalogues(tmp_path)


def test_a_new_language_needs_all_words(tmp_path: Path) -> None:
    base = Path("streams/notify/catalogues/en.toml").read_text(encoding="utf-8")
    (tmp_path / "fr.toml").write_text(base.replace("[kinds.draw_won]", "[kinds.draw_won_]"))
    with pytest.raises(SettingsError, match=r"fr\.toml"):
        load_catalogues(tmp_path)
    (tmp_path / "fr.toml").write_text(base)
    assert set(load_catalogues(tmp_path)) == {"en", "de", "fr"}
