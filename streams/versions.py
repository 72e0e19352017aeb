"""Which policy and which weights decide, and since when.

A policy applies by event time among the versions read so far; weights apply by offset, and to due work by the log time
they were adopted at. Both come from the partition's own log, so both are the same whenever the log is read again.
"""

from bisect import bisect_right
from functools import lru_cache

from features.errors import ContractError
from features.event_time import ZoneRules
from loyalty.budgets import Slices
from loyalty.policy import Policy, parse_policy
from loyalty.scope import Scope
from loyalty.weights import STATIC, Weights
from streams.controls import PolicyData
from streams.version_rows import AdoptedWeights

# Grows only when code changes decisions; a policy record names the engine it wants.
ENGINES = (1,)


@lru_cache(maxsize=64)
def _parsed(text: str, version: int) -> Policy:
    """Partitions of one worker share a parsed policy: it is immutable."""
    return parse_policy(text, f"policy version {version}")


@lru_cache(maxsize=64)
def _zone(text: str) -> ZoneRules:
    return ZoneRules.from_text(text)


class Versions:
    """The policies and weights that one partition has read, oldest first.

    `edits` are the policy versions after the first: the log time from which each is in force, and its number.
    """

    def __init__(self, slices: Slices) -> None:
        self._slices = slices
        self._policies: list[tuple[PolicyData, Policy]] = []
        self._from_ms: list[int] = []
        self.edits: tuple[tuple[int, int], ...] = ()
        self._weights: list[AdoptedWeights] = []
        self._adopted_ms: list[int] = []
        self._scopes: dict[tuple[int, int], Scope] = {}

    def add_policy(self, data: PolicyData, log_time_ms: int) -> Policy:
        """Adopt a policy version at a log time; due work before that stays decided as it was.

        Raises:
            ContractError: it asks for an engine that this code does not have.
            PolicyError: its text is not a policy.
        """
        if data.engine not in ENGINES:
            raise ContractError(
                f"policy version {data.version} asks for engine {data.engine}, this code has {ENGINES}: upgrade the "
                "workers first"
            )
        policy = _parsed(data.text, data.version)
        self._policies.append((data, policy))
        self._from_ms.append(max(data.effective_from_ms, log_time_ms))
        if len(self._policies) > 1:
            self.edits = (*self.edits, (self._from_ms[-1], data.version))
        return policy

    def add_weights(self, adopted: AdoptedWeights) -> None:
        """Adopt a weights version."""
        self._weights.append(adopted)
        self._adopted_ms.append(adopted.from_log_time_ms)

    @property
    def newest_policy(self) -> PolicyData | None:
        """The last policy read, in force or announced."""
        return self._policies[-1][0] if self._policies else None

    def at_event(self, time_ms: int) -> Scope:
        """What decides on an action of this event time: its policy, and the newest weights."""
        return self._scope(self._policy_index(time_ms), len(self._weights))

    def at_due(self, due_ms: int) -> Scope:
        """What decides on work due at this log time: policy and weights in force at that time."""
        return self._scope(self._due_policy_index(due_ms), bisect_right(self._adopted_ms, due_ms))

    def announced(self) -> Scope:
        """The newest policy read, in force or not yet: what is asked for ahead is given by it."""
        return self._scope(len(self._policies) - 1, len(self._weights))

    def edit_due(self, log_time_ms: int) -> int:
        """The newest policy version after the first that is in force at a log time, 0 for none."""
        return max((version for from_ms, version in self.edits if from_ms <= log_time_ms), default=0)

    def _due_policy_index(self, due_ms: int) -> int:
        """Index of the newest policy that is in force at a log time: announced by then, and its time has come."""
        for index in range(len(self._policies) - 1, 0, -1):
            if self._from_ms[index] <= due_ms:
                return index
        return 0

    def _policy_index(self, time_ms: int) -> int:
        """Index of the newest policy that applies at `time_ms`; the first one applies to all that came before it."""
        for index in range(len(self._policies) - 1, 0, -1):
            if self._policies[index][0].effective_from_ms <= time_ms:
                return index
        return 0

    def _scope(self, policy_index: int, weights_count: int) -> Scope:
        scope = self._scopes.get((policy_index, weights_count))
        if scope is None:
            data, policy = self._policies[policy_index]
            learned = weights_count > 0 and policy.learning.enabled  # without learning, exactly the static programme
            weights: Weights = self._weights[weights_count - 1].data.weights if learned else STATIC
            scope = Scope(
                policy=policy,
                policy_version=data.version,
                weights=weights,
                engine=data.engine,
                zone=_zone(data.zone),
                slices=self._slices,
            )
            self._scopes[policy_index, weights_count] = scope
        return scope
