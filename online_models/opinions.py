"""What reviews and feedback teach: sentiment and quality of texts, copies among them, waves of discontent."""

from collections.abc import Iterator

from loyalty.policy import Opinions
from online_models.copies import KEPT_TEXTS, CopyIndex
from online_models.findings import MICRO, Copied, Found, Quote, Wave
from online_models.sentiment import CONTENT_STARS, DISCONTENT_STARS, TextModels
from online_models.sightings import Opinion
from online_models.waves import EVERYTHING, Complaint, Rise, WaveWatch, limits_of

# Three stars say nothing; the words do, once the model has read this many texts and is this sure.
_READ_BEFORE_BELIEVED = 1_000
_DISCONTENT_CHANCE = 0.2

_QUOTES = 5
_EXCERPT_CHARACTERS = 200
_BP = 10_000


class OpinionDesk:
    """Reads opinions one by one."""

    def __init__(self, kept_texts: int = KEPT_TEXTS) -> None:
        self.texts = TextModels()
        self._copies = CopyIndex(kept_texts)
        self._waves = WaveWatch()

    def read(self, opinion: Opinion, example: str, log_time_ms: int, rules: Opinions) -> Iterator[Found]:
        """Judge an opinion, then learn from it; yields a copy and the waves it completes. `example` is its id."""
        text = opinion.text
        complains = self._complains(opinion)
        if text:
            is_review = opinion.kind == "review"
            self.texts.learn(text, opinion.stars, opinion.helpful_votes if is_review else None)
            if is_review and (original := self._copies.add(opinion.member, example, text)):
                yield Copied(
                    member=opinion.member,
                    example=example,
                    of_member=original.member,
                    of_example=original.key,
                    similarity_bp=round(original.similarity * _BP),
                )
        complaint = None
        if complains:
            excerpt = text[:_EXCERPT_CHARACTERS]
            complaint = Complaint(log_time_ms, opinion.member, example, opinion.stars, excerpt)
        limits = limits_of(rules.wave_hours, rules.wave_from, rules.wave_times_bp)
        for subject in dict.fromkeys((EVERYTHING, opinion.about or EVERYTHING)):
            rise = self._waves.update(subject, complaint, log_time_ms, limits)
            if rise is not None:
                yield _wave(rise)

    def _complains(self, opinion: Opinion) -> bool:
        if opinion.stars <= DISCONTENT_STARS or opinion.stars >= CONTENT_STARS:
            return opinion.stars <= DISCONTENT_STARS
        read_enough = self.texts.learned >= _READ_BEFORE_BELIEVED
        return bool(opinion.text) and read_enough and self.texts.content(opinion.text) < _DISCONTENT_CHANCE


def _wave(rise: Rise) -> Wave:
    newest = rise.complaints[-_QUOTES:]
    return Wave(
        about=rise.subject,
        from_ms=rise.from_ms,
        until_ms=rise.until_ms,
        count=rise.number,
        members=len({complaint.member for complaint in rise.complaints}),
        usual_micro=round(rise.usual * MICRO),
        examples=tuple(complaint.example for complaint in rise.complaints),
        quotes=tuple(
            Quote(example=complaint.example, stars=complaint.stars, excerpt=complaint.excerpt) for complaint in newest
        ),
    )
