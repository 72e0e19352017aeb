"""The faults of a campaign, drawn from its seed: what, to whom, and for how long. Pure."""

import random
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from streams.commit import Step
from tests.chaos.traps import What

MemberKind = Literal[
    "kill_worker",
    "kill_worker_at_step",
    "stop_worker_at_step",
    "term_worker",
    "pause_worker",
    "lose_store",
    "truncate_store",
    "corrupt_store",
    "disk_full",
    "clock_step",
    "cut_worker",
    "slow_worker",
    "scale",
    "kill_trainer",
    "kill_trainer_at_step",
    "stop_trainer_at_step",
    "term_trainer",
    "pause_trainer",
    "lose_checkpoint",
    "corrupt_checkpoint",
    "cut_trainer",
]
BrokerKind = Literal["kill_broker", "pause_broker", "leader_move", "rolling_restart"]
Kind = MemberKind | BrokerKind

MEMBER_KINDS: tuple[MemberKind, ...] = get_args(MemberKind)
BROKER_KINDS: tuple[BrokerKind, ...] = get_args(BrokerKind)
STEPS: tuple[Step, ...] = get_args(Step)
TRAINER_POINTS = ("learned", "appended", "published", "saved")

SESSION_TIMEOUT_MS = 6_000
# Long enough that the group has given the process up and its successor has begun.
LONG_PAUSE_S = (8.0, 12.0)
SHORT_PAUSE_S = (0.5, 3.0)

# Brokers take longer to come back, so they have fewer faults; each of theirs hits everybody.
_BROKER_SHARE = 0.2
_BROKER_NODES = (1, 2, 3)
_WEIGHTS: dict[Kind, int] = {"kill_worker_at_step": 6, "stop_worker_at_step": 4, "kill_trainer_at_step": 3}
_BROKER_WEIGHTS: dict[Kind, int] = {"kill_broker": 3, "leader_move": 3, "pause_broker": 2, "rolling_restart": 1}


@dataclass(frozen=True)
class Fault:
    """One fault.

    `number` chooses among those that may be hit, modulo how many there are; `lasts_s` is how long it stays; `point` and
    `times` say where a trap is; `silently`, `everywhere` and `share` are what cuts, delays and damages draw on.
    """

    kind: Kind
    number: int
    lasts_s: float
    point: str
    times: int
    silently: bool
    everywhere: bool
    share: float

    def __str__(self) -> str:
        """What a journal says of it."""
        at = f" at `{self.point}` no. {self.times}" if self.kind.endswith("_at_step") else ""
        return f"{self.kind}{at} ({self.lasts_s:.1f} s)"

    @property
    def what(self) -> What:
        """What the trap does."""
        return "kill" if self.kind.startswith("kill") else "stop"


class Happened(NamedTuple):
    """What a fault came to: its kind as it is counted, and a word for the journal."""

    kind: Kind
    told: str


@dataclass(frozen=True)
class Plan:
    """Faults of processes and their network, and of brokers: two rows that happen side by side."""

    members: tuple[Fault, ...]
    brokers: tuple[Fault, ...]


def draw_plan(seed: int, faults: int) -> Plan:
    """Draw `faults` faults; from so many on as there are kinds, each kind comes at least once.

    Example:
        >>> plan = draw_plan(1, 60)
        >>> len(plan.members) + len(plan.brokers), plan == draw_plan(1, 60)
        (60, True)
        >>> {fault.kind for fault in plan.members} == set(MEMBER_KINDS)
        True
    """
    draw = random.Random(f"plan {seed}")
    brokers = round(faults * _BROKER_SHARE)
    return Plan(
        tuple(_fault(draw, kind) for kind in _kinds(draw, MEMBER_KINDS, _WEIGHTS, faults - brokers)),
        tuple(_fault(draw, kind) for kind in _kinds(draw, BROKER_KINDS, _BROKER_WEIGHTS, brokers)),
    )


def _kinds(draw: random.Random, kinds: tuple[Kind, ...], weights: dict[Kind, int], count: int) -> list[Kind]:
    """Each kind once, in any order, and then more of them by their weights."""
    found = list(kinds)
    draw.shuffle(found)
    del found[count:]
    found += draw.choices(kinds, [weights.get(kind, 1) for kind in kinds], k=count - len(found))
    draw.shuffle(found)
    return found


def _fault(draw: random.Random, kind: Kind) -> Fault:
    long = kind.startswith(("stop", "pause_worker", "pause_trainer")) or draw.random() < 1 / 2
    is_trainer = "trainer" in kind
    return Fault(
        kind=kind,
        number=draw.randrange(6),
        lasts_s=round(draw.uniform(*(LONG_PAUSE_S if long else SHORT_PAUSE_S)), 1),
        point=draw.choice(TRAINER_POINTS if is_trainer else STEPS),
        times=draw.randint(1, 4),
        silently=draw.random() < 1 / 2,
        everywhere=draw.random() < 1 / 2,
        share=draw.random(),
    )


def broker_of(fault: Fault) -> int:
    """Which broker a fault hits."""
    return _BROKER_NODES[fault.number % len(_BROKER_NODES)]


def brokers_of(fault: Fault) -> tuple[int, ...]:
    """Which brokers a cut or a delay concerns."""
    return _BROKER_NODES if fault.everywhere else (broker_of(fault),)
