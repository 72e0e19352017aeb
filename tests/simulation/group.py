"""A simulated consumer group: who has which partition, and who is given up for dead."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.world import World

SESSION_S = 3.0
HEARTBEAT_S = 1.0
_REBALANCE_S = 6.0
_CHECK_S = 0.5


@dataclass(frozen=True)
class Assignment:
    """What a member of the group works on, and what it keeps a copy of, in a generation."""

    generation: int
    actives: tuple[int, ...]
    standbys: tuple[int, ...]


@dataclass
class _Member:
    heard_at: float
    joined: Callable[[Assignment], None] | None = None  # answers its request to join
    actives: tuple[int, ...] = ()


@dataclass
class Group:
    """The coordinator's view of one group."""

    world: World
    name: str
    partitions: int
    standby: bool
    generation: int = 0
    members: dict[str, _Member] = field(default_factory=dict)
    rebalancing_since: float | None = None

    def __post_init__(self) -> None:
        """Look at the clock from now on."""
        self.world.after(_CHECK_S, self._check)

    def join(self, name: str, joined: Callable[[Assignment], None]) -> None:
        """Someone wants to take part; `joined` is called with what it gets."""
        self.members[name] = _Member(self.world.now, joined, getattr(self.members.get(name), "actives", ()))
        self.rebalance()
        self._complete_if_all()

    def leave(self, name: str) -> None:
        """Someone goes."""
        if self.members.pop(name, None) is not None:
            self.rebalance()
            self._complete_if_all()

    def heartbeat(self, name: str, generation: int) -> bool:
        """Whether the member may go on; if not, it has to join again."""
        member = self.members.get(name)
        if member is None:
            return False
        member.heard_at = self.world.now
        return generation == self.generation and self.rebalancing_since is None

    def rebalance(self) -> None:
        """Deal the partitions anew, once everybody has heard of it."""
        if self.rebalancing_since is None:
            self.rebalancing_since = self.world.now

    def _check(self) -> None:
        now = self.world.now
        for name in [name for name, member in self.members.items() if now - member.heard_at > SESSION_S]:
            member = self.members[name]
            if member.joined is None:
                self.world.note(f"{self.name}: {name} is given up for dead")
                self.leave(name)
        since = self.rebalancing_since
        if since is not None and now - since > _REBALANCE_S:
            for name in [name for name, member in self.members.items() if member.joined is None]:
                self.world.note(f"{self.name}: {name} did not come back in time")
                del self.members[name]
            self._complete_if_all()
        self.world.after(_CHECK_S, self._check)

    def _complete_if_all(self) -> None:
        if not self.members or any(member.joined is None for member in self.members.values()):
            return
        self.generation += 1
        self.rebalancing_since = None
        names = sorted(self.members)
        self.world.random.shuffle(names)
        shares: dict[str, list[int]] = {name: [] for name in names}
        standbys: dict[str, list[int]] = {name: [] for name in names}
        for partition in range(self.partitions):
            shares[names[partition % len(names)]].append(partition)
            if self.standby and len(names) > 1:
                standbys[names[(partition + 1) % len(names)]].append(partition)
        for name, member in self.members.items():
            joined, member.joined, member.heard_at = member.joined, None, self.world.now
            member.actives = tuple(shares[name])
            if joined is not None:
                joined(Assignment(self.generation, member.actives, tuple(standbys[name])))
        dealt = ", ".join(f"{name} {shares[name]}" for name in sorted(shares))
        self.world.note(f"{self.name}: generation {self.generation}: {dealt}")
