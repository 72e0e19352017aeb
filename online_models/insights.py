"""All that is learned from sightings, side by side, and the numbering of what is found."""

from collections.abc import Iterable, Iterator

from loyalty.policy import Policy
from online_models.conduct import ConductWatch
from online_models.findings import Copied, Finding, Found, finding_of
from online_models.offers import OfferChooser
from online_models.opinions import OpinionDesk
from online_models.recommended import Recommendation
from online_models.recommending import Recommender
from online_models.sightings import BasketSighting, ConductSighting, OccasionSighting, OpinionSighting, Sighting


class Insights:
    """Reads sightings in the order of the examples topic. The limits are those of the policy in force."""

    def __init__(self) -> None:
        self.opinions = OpinionDesk()
        self.conduct = ConductWatch()
        self.recommender = Recommender()
        self.offers = OfferChooser()
        self._findings = 0

    def read(self, sighting: Sighting, offset: int, policy: Policy, *, frozen: bool) -> tuple[Finding, ...]:
        """Learn from the sighting at `offset`; returns what it completes, numbered; no offer while `frozen`."""
        found = self._found(sighting, policy)
        if isinstance(sighting, OccasionSighting):
            chosen = self.offers.choose(sighting, offset, policy, frozen=frozen)
            found = iter(() if chosen is None else (chosen,))
        return self.report(found, offset, sighting.log_time_ms)

    def report(self, found: Iterable[Found], offset: int, log_time_ms: int) -> tuple[Finding, ...]:
        """Number what the record at `offset` has completed."""
        findings = [finding_of(each, self._findings + number, offset, log_time_ms) for number, each in enumerate(found)]
        self._findings += len(findings)
        return tuple(findings)

    def recommend(self, sighting: Sighting, offset: int, policy: Policy) -> Recommendation | None:
        """What a basket leads to; None for other sightings."""
        if not isinstance(sighting, BasketSighting):
            return None
        recommended = self.recommender.learn(sighting.basket, offset, policy.recommendations)
        return Recommendation(
            example_offset=offset,
            log_time_ms=sighting.log_time_ms,
            partition=sighting.partition,
            recommended=recommended,
        )

    def _found(self, sighting: Sighting, policy: Policy) -> Iterator[Found]:
        name = f"{sighting.partition}-{sighting.number}"
        if isinstance(sighting, OpinionSighting):
            for found in self.opinions.read(sighting.opinion, name, sighting.log_time_ms, policy.opinions):
                if isinstance(found, Copied) and found.member != found.of_member:
                    self.conduct.copied(found.member, sighting.log_time_ms)
                yield found
        elif isinstance(sighting, ConductSighting):
            yield from self.conduct.judge(sighting.conduct, sighting.partition, sighting.log_time_ms, policy.misconduct)
