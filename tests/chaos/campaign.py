"""A campaign: load, faults, settling, judgement; bounded in time, and nothing of it is left running."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from features.errors import BrokerError
from streams.progress import Progress
from streams.topic_admin import TopicAdmin
from tests.chaos.auditor import Accepted
from tests.chaos.brokers import Brokers
from tests.chaos.cast import Cast
from tests.chaos.faults import Fault, Happened, draw_plan
from tests.chaos.findings import Findings
from tests.chaos.history import SPAN_DAYS
from tests.chaos.injector import WORKERS, Injector
from tests.chaos.judge import judge_partition
from tests.chaos.judge_learning import judge_examples, judge_learning
from tests.chaos.judge_shared import Exchanged, judge_effects, judge_points_moved
from tests.chaos.monitor import Monitor
from tests.chaos.producer import Sent
from tests.chaos.stage import Stage
from tests.support.processes import WorkerProcess, eventually

_TRAINERS = 2
_JUDGES = 2
# The first faults meet workers that have something to lose, and the last ones load that is still coming.
_FIRST_S = 8.0
_SPREAD = 0.94
_READY_S = 180.0
_SETTLE_S = 900.0
_AUDITOR_S = 300.0


@dataclass(frozen=True)
class Order:
    """What a campaign is asked for."""

    seed: int
    actions: int
    faults: int
    seconds: float


@dataclass
class Ran:
    """What came of the run, before it is judged."""

    sent: Sent = field(default_factory=lambda: Sent(0, 0))
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    unavailable_s: float = 0.0
    longest_still_s: float = 0.0
    settled_after_s: float = 0.0
    exit_codes: dict[str, dict[str, int]] = field(default_factory=dict)
    last_stops: dict[str, int | None] = field(default_factory=dict)
    peak_mib: dict[str, int] = field(default_factory=dict)
    audited: Accepted = field(default_factory=dict)


def run(stage: Stage, order: Order) -> Ran:
    """Play the campaign."""
    ran = Ran()
    with ExitStack() as stack:
        cast = stack.enter_context(Cast(stage.machines(), stage.journal))
        cast.want("worker", WORKERS)
        cast.want("trainer", _TRAINERS)
        cast.await_ready(_READY_S)
        stage.journal.say("everybody is ready")
        kept = stage.folder / "audited.json"
        auditor = stack.enter_context(helper(stage, "auditor", str(kept))).start()
        stage.begin_history(order.seconds)
        producer = stack.enter_context(
            helper(stage, "producer", str(order.seed), str(order.actions), str(order.seconds), str(SPAN_DAYS))
        ).start()
        with Monitor(stage.settings) as monitor:
            _let_faults_happen(stage, cast, order, ran)
            stage.journal.say("the faults are over")
            code = producer.wait(order.seconds + _SETTLE_S)
        ran.unavailable_s, ran.longest_still_s = monitor.unavailable_s, monitor.longest_s
        if code != 0:
            raise RuntimeError(f"the producer ended with {code}: {producer.log.read_text(errors='replace')[-2_000:]}")
        ran.sent = msgspec.json.decode(producer.log.read_bytes().splitlines()[-1], type=Sent)
        stage.journal.say(f"{ran.sent.actions} actions are sent, {ran.sent.again} of them twice")
        _settle(stage, cast, ran)
        ran.last_stops = cast.stop_all()
        ran.peak_mib = {machine.name: machine.peak_mib for machine in cast.machines}
        ran.exit_codes = {machine.name: {str(c): n for c, n in machine.ends.items()} for machine in cast.machines}
        if auditor.stop(_AUDITOR_S) != 0:
            raise RuntimeError(f"the auditor failed: {auditor.log.read_text(errors='replace')[-2_000:]}")
        ran.audited = msgspec.json.decode(kept.read_bytes(), type=Accepted)
    return ran


def judge(stage: Stage, ran: Ran) -> Findings:
    """Replay and compare, a partition at a time, in two processes."""
    identity = TopicAdmin(stage.settings).log_identity("actions")
    findings = Findings()
    with ProcessPoolExecutor(_JUDGES) as pool:
        learned = pool.submit(judge_learning, stage.settings)
        parts = [
            pool.submit(judge_partition, stage.settings, number, identity, ran.audited)
            for number in range(stage.settings.partitions)
        ]
        exchanged: list[Exchanged] = []
        for number, part in enumerate(parts):
            found, said = part.result()
            exchanged.append(said)
            stage.journal.say(f"partition {number}: {found.seen['records']} records judged, wrong: {dict(found.wrong)}")
            findings.add(found)
            if found.weights_version != learned.result().weights_version:
                findings.mistake("weights_mismatches", f"partition {number} has version {found.weights_version}")
    delivered, examples = learned.result(), findings.examples
    delivered_examples, delivered.examples = delivered.examples, []
    findings.add(delivered)
    findings.examples = examples
    judge_examples(findings, delivered_examples)
    judge_effects(findings, exchanged)
    judge_points_moved(findings)
    stage.journal.say(f"learning judged, wrong: {dict(findings.wrong)}")
    return findings


def helper(stage: Stage, name: str, *arguments: str) -> WorkerProcess:
    """A process of a campaign that talks to the brokers directly, not started yet."""
    environment = stage.environment(stage.cluster.bootstrap)
    return WorkerProcess(stage.folder / name, environment, (f"tests.chaos.{name}", *arguments))


def _let_faults_happen(stage: Stage, cast: Cast, order: Order, ran: Ran) -> None:
    """Two rows side by side, each spread over the time of the load."""
    plan = draw_plan(order.seed, order.faults)
    injector = Injector(cast, stage.network, stage.journal, random.Random(f"damage {order.seed}"))
    brokers = Brokers(stage.cluster, stage.settings.topic_prefix)
    rows = [
        threading.Thread(target=_row, args=(stage, ran, order.seconds, faults, happen), name=name)
        for name, faults, happen in (
            ("members", plan.members, injector.happen),
            ("brokers", plan.brokers, brokers.happen),
        )
    ]
    for row in rows:
        row.start()
    for row in rows:
        row.join()


def _row(stage: Stage, ran: Ran, seconds: float, faults: Sequence[Fault], happen: Callable[[Fault], Happened]) -> None:
    begin = time.monotonic()
    for number, fault in enumerate(faults):
        due = begin + _FIRST_S + (seconds * _SPREAD - _FIRST_S) * number / len(faults)
        time.sleep(max(0.0, due - time.monotonic()))
        stage.journal.say(f"FAULT {fault}")
        try:
            happened = happen(fault)
            stage.journal.say(f"  {happened.kind}: {happened.told}")
            ran.faults[happened.kind] += 1
        except Exception as failure:  # noqa: BLE001 - a fault that cannot be made is told in the report
            stage.journal.say(f"  {fault.kind} failed: {failure!r}")
            ran.problems.append(f"{fault.kind}: {failure!r}")


def _settle(stage: Stage, cast: Cast, ran: Ran) -> None:
    """Wait until all is decided, learned and adopted."""
    begin = time.monotonic()
    cast.want("worker", WORKERS)

    def is_settled() -> bool:
        try:
            with Progress(stage.settings) as progress:
                return progress.is_settled()
        except BrokerError:
            return False

    try:
        eventually(is_settled, _SETTLE_S, "everything is decided, learned and adopted")
    except AssertionError as failure:
        ran.problems.append(f"not settled: {failure}")
    ran.settled_after_s = round(time.monotonic() - begin, 1)
    stage.journal.say(f"settled after {ran.settled_after_s} s")


def folder_of(out: Path, seed: int) -> Path:
    """Where a campaign keeps its logs."""
    return out / f"seed-{seed}"
