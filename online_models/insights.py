"""All that is learned from sightings, side by side, and the numbering of what is found."""

from collections.abc import Iterator

from loyalty.policy import Policy
from online_models.findings import Finding, Found, finding_of
from online_models.opinions import OpinionDesk
from online_models.sightings import OpinionSighting, Sighting


class Insights:
    """Reads sightings in the order of the examples topic. The limits are those of the policy in force."""

    def __init__(self) -> None:
        self.opinions = OpinionDesk()
        self._findings = 0

    def read(self, sighting: Sighting, offset: int, policy: Policy) -> tuple[Finding, ...]:
        """Learn from the sighting at `offset`; returns what it completes, numbered."""
        findings = [
            finding_of(found, self._findings + number, offset, sighting.log_time_ms)
            for number, found in enumerate(self._found(sighting, policy))
        ]
        self._findings += len(findings)
        return tuple(findings)

    def _found(self, sighting: Sighting, policy: Policy) -> Iterator[Found]:
        name = f"{sighting.partition}-{sighting.number}"
        if isinstance(sighting, OpinionSighting):
            yield from self.opinions.read(sighting.opinion, name, sighting.log_time_ms, policy.opinions)
