"""A simulated programme: broker, groups, machines with their disks, and the processes on them."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from online_models.published import PublishedWeights, decode_published
from streams.agents import Members
from streams.changelog import Replay
from streams.commit import PartitionCommit, Step
from streams.controls import tick_record
from streams.findings_log import AddressedSender, FindingsLog
from streams.lanes import Fold, Landed
from streams.metrics import Metrics
from streams.pipeline import new_fold
from streams.recommendations_log import RecommendationsLog
from streams.records import LogIdentity, RowStore
from streams.recovery import Recovery
from streams.row_format import row_mark
from streams.state import PARTITION_KEY
from streams.ticker import Ticker
from streams.trainer import Outlets, TrainerShell
from streams.weights_log import FanOut, WeightsLog
from streams.writers import BatchWriter, Connection, RecordWriter
from tests.simulation.broker import COMPACTION_LAG_S, Broker, Topic, Unsent
from tests.simulation.disk import Disk, DiskCheckpoints, Stores, Table
from tests.simulation.group import Group
from tests.simulation.shell import FaustApp, FaustConsumer, Runtime
from tests.simulation.workload import DURATION_S, KEY, Arrival, history_ms, policy
from tests.simulation.world import Process, World

ACTIONS = Topic("actions")
CHANGELOG = Topic("changelog")
EXAMPLES = Topic("examples")
WEIGHTS = Topic("weights")
FINDINGS = Topic("findings")
OUTPUTS = {
    topic: Topic(topic) for topic in ("points", "tier-changes", "notifications", "examples", "deadletter", "draws")
}
TOPIC_ID = b"simulated-topic!"

REQUEST_TIMEOUT_MS = 5_000
_TICK_S = 4.0
# Failures that a broker out of reach explains; any other is a finding.
_EXPLAINED = ("TimeoutError", "BrokerError")


async def _store_identity() -> bytes:
    return TOPIC_ID


@dataclass
class Machine:
    """A place where one process runs at a time; its disk outlives them.

    `kind` is `worker` or `trainer`. `wanted` says whether a dead process is started again.
    """

    name: str
    kind: str
    in_memory: bool
    wanted: bool = True
    disk: Disk = field(default_factory=Disk)
    process: Process | None = None
    runtime: Runtime | None = None
    stores: Stores | None = None
    shell: TrainerShell | None = None
    starts: int = 0
    steps: list[tuple[Process, Step, int, Callable[[], None]]] = field(default_factory=list)
    stale_fetches: int = 0


class Cluster:
    """Everything in one world.

    Args:
        world: The scheduler.
        partitions: Of the actions topic.
        workers: Machines for workers.
        trainers: Machines for trainers.
    """

    def __init__(self, world: World, *, partitions: int, workers: int, trainers: int, standby: bool) -> None:
        self.world = world
        self.partitions = partitions
        self.identity = LogIdentity(TOPIC_ID, partitions)
        self.broker = Broker(world, partitions)
        self.members = Group(world, "members", partitions, standby)
        self.trainers = Group(world, "trainers", 1, standby=False)
        self.cached_members = world.random.choice((1, 20_000))
        self.max_records = world.random.randint(2, 6)
        self.machines = [
            Machine(f"worker-{n}", "worker", in_memory=world.random.random() < 0.2) for n in range(1, workers + 1)
        ]
        self.machines += [Machine(f"trainer-{n}", "trainer", in_memory=False) for n in range(1, trainers + 1)]
        self.ticking = True
        for partition in range(partitions):
            self.broker.append_now(ACTIONS, partition, Unsent(None, policy(1)))

    async def _identity(self) -> LogIdentity:
        return self.identity

    def start_all(self) -> None:
        """Start a process on every machine that is wanted."""
        for machine in self.machines:
            if machine.wanted:
                self.start(machine)

    def start(self, machine: Machine) -> None:
        """Start a process, unless one is alive there."""
        if machine.process is not None and machine.process.alive:
            return
        machine.starts += 1
        process = machine.process = Process(self.world, f"{machine.name}.{machine.starts}")
        process.on_end = lambda: self._ended(machine, process)
        main = self._worker_main if machine.kind == "worker" else self._trainer_main
        process.start(main(machine, process))

    def _ended(self, machine: Machine, process: Process) -> None:
        if machine.wanted:
            self.world.after(0.3 + self.world.random.random() * 2.0, lambda: self._restart(machine, process))

    def _restart(self, machine: Machine, process: Process) -> None:
        if machine.wanted and machine.process is process:
            self.start(machine)

    def arrive(self, arrival: Arrival) -> None:
        """Append a record of the platform; some of its producers use transactions, whose markers take offsets."""
        record = Unsent(arrival.key, arrival.value, timestamp=history_ms(arrival.at_s))
        self.broker.append_now(ACTIONS, arrival.partition, record)
        if self.world.random.random() < 0.2:
            log = self.broker.log(ACTIONS, arrival.partition)
            log.mark_transaction()
            log.show(log.end)

    def tick(self) -> None:
        """Append a tick to every partition; the history itself is over."""
        now_ms = history_ms(DURATION_S)
        record = tick_record(now_ms, KEY)
        for partition in range(self.partitions):
            self.broker.append_now(ACTIONS, partition, Unsent(None, record, timestamp=now_ms))

    def night(self, draw: random.Random) -> None:
        """Everything is off for longer than the compaction lag; the log is cleaned, disks are as they are, or not."""
        for machine in self.machines:
            machine.wanted = False
            if machine.process is not None:
                machine.process.die()
            draw.choice((_nothing, machine.disk.lose, lambda disk=machine.disk: disk.lose_power(draw)))()
        self.world.run_until(self.world.now + 2 * COMPACTION_LAG_S)
        for partition in range(self.partitions):
            gone = self.broker.log(CHANGELOG, partition).compact(self.world.now)
            self.world.note(f"night: compaction of partition {partition} took {gone} rows")
        for machine in self.machines:
            machine.wanted = True
            self.start(machine)

    def calm(self) -> None:
        """The faults are over: everything is mended, everybody is up, and time stands still in the history."""
        self.world.note("the faults are over")
        self.world.calm = True
        self.ticking = False
        for machine in self.machines:
            machine.steps.clear()
            machine.wanted = True
            process = machine.process
            if process is not None and process.alive:
                process.cut = process.deaf = False
                process.unfuse()
                process.resume()
            self.start(machine)

    # The processes' main functions; what they build is what `streams.app` and `streams.trainer_app` build.

    async def _worker_main(self, machine: Machine, process: Process) -> None:
        connection = Connection("simulated", None, REQUEST_TIMEOUT_MS)
        reach(connection, self.broker)
        writer = BatchWriter(connection, cast("Any", {**OUTPUTS, "effects": ACTIONS}), CHANGELOG, KEY)
        stores = machine.stores = Stores(machine.disk, in_memory=machine.in_memory)
        consumer = FaustConsumer(process, self._check_acknowledged)
        consumer.stale_fetches, machine.stale_fetches = machine.stale_fetches, 0
        app = FaustApp(consumer)

        def hook(step: Step, partition: int) -> None:
            self._at_step(machine, process, step, f"partition {partition}")

        def cold_fold(partition: int, identity: LogIdentity, store: RowStore) -> Fold:
            return new_fold(partition, identity, store, cached_members=self.cached_members)

        async def new_commit(partition: int, replay: Replay) -> PartitionCommit:
            await writer.start()
            return PartitionCommit(partition, writer, replay, connection, hook=hook)

        members = Members(
            cast("Any", app),
            ACTIONS,
            new_fold=cold_fold,
            new_commit=new_commit,
            identity=self._identity,
            observe=_ignore,
        )
        recovery = self._recovery(app, connection, members.prepare, members.release, Table(CHANGELOG, stores))
        machine.runtime = Runtime(
            process,
            self.broker,
            self.members,
            (ACTIONS, CHANGELOG),
            app,
            recovery,
            run=cast("Any", members.run),
            drained=writer.stop,
            max_records=self.max_records,
        )
        ticker = Ticker(
            ACTIONS,
            1_000,
            KEY,
            writer=RecordWriter(connection),
            partitions=lambda: members.lanes,
            on_tick=lambda: None,
        )
        process.spawn(self._tick(process, ticker))
        await machine.runtime.main()

    async def _tick(self, process: Process, ticker: Ticker) -> None:
        while self.ticking:
            await asyncio.sleep(_TICK_S)
            if self.ticking:
                try:
                    await ticker.tick(history_ms(self.world.now))
                except TimeoutError:
                    process.end()

    async def _trainer_main(self, machine: Machine, process: Process) -> None:
        connection = Connection("simulated", None, REQUEST_TIMEOUT_MS)
        reach(connection, self.broker)
        writer = RecordWriter(connection)
        consumer = FaustConsumer(process, lambda _partition, _offset: None)
        app = FaustApp(consumer)
        everywhere = FanOut(ACTIONS, self.partitions, KEY, writer)

        async def fan_out(published: PublishedWeights) -> None:
            # What is published has not reached the partitions yet: for a trainer, that is the step in between.
            self._at_step(machine, process, "outputs", EXAMPLES)
            await everywhere(published)

        shell = machine.shell = TrainerShell(
            cast("Any", app),
            identity=_store_identity,
            checkpoints=DiskCheckpoints(machine.disk),
            outlets=Outlets(
                WeightsLog(WEIGHTS, connection, writer),
                fan_out,
                FindingsLog(FINDINGS, connection, writer, AddressedSender(ACTIONS, KEY, writer)),
                RecommendationsLog("recommendations", writer),
            ),
            metrics=_METRICS,
        )
        recovery = self._recovery(app, connection, shell.prepare, shell.release, None)
        machine.runtime = Runtime(
            process,
            self.broker,
            self.trainers,
            (EXAMPLES, None),
            app,
            recovery,
            run=cast("Any", shell.run),
            drained=writer.stop,
            max_records=4,
        )
        await machine.runtime.main()

    @staticmethod
    def _recovery(app: FaustApp, connection: Connection, prepare: Any, release: Any, table: Table | None) -> Recovery:  # noqa: ANN401 - as Recovery's
        return Recovery(
            cast("Any", app),
            connection=connection,
            identity=_store_identity,
            prepare=prepare,
            release=release,
            table=lambda: cast("Any", table),
        )

    def _at_step(self, machine: Machine, process: Process, step: Step, where: str) -> None:
        """Do what is planned for this step, after some others like it."""
        for place, (whose, planned, others, act) in enumerate(machine.steps):
            if whose is process and planned == step:
                if others:
                    machine.steps[place] = (whose, planned, others - 1, act)
                else:
                    del machine.steps[place]
                    self.world.note(f"{process.name}: hit at step `{step}` of {where}")
                    act()
                return

    # What must hold at every moment

    def _check_acknowledged(self, partition: int, offset: int) -> None:
        """Only what has landed is acknowledged."""
        landed = self.broker.log(CHANGELOG, partition).mark
        if landed < offset:
            self.world.violate(f"partition {partition}: {offset} acknowledged, {landed} landed")

    def ended_by(self, process: Process, what: str, failure: BaseException) -> None:
        """A process has ended itself."""
        cause = type(failure).__name__
        self.world.note(f"{process.name}: ends itself: {what}: {cause} {failure}")
        explained = cause in _EXPLAINED or "; start again" in str(failure)
        if not explained:
            self.world.violate(f"{process.name} ended itself for no reason that a fault explains: {failure!r}")

    # Whether all is done

    def end_of(self, partition: int) -> int:
        """Offset of the last record of an actions partition."""
        return self.broker.log(ACTIONS, partition).records[-1].offset

    def is_settled(self) -> bool:
        """Whether all actions are applied by those whose partitions they are, all examples learned, all weights out."""
        if self.members.rebalancing_since is not None or self.trainers.rebalancing_since is not None:
            return False
        owners = self.owners()
        return (
            all(
                partition in owners and self._mark_in(owners[partition], partition) == self.end_of(partition)
                for partition in range(self.partitions)
            )
            and self._is_learned()
            and self._is_fanned_out()
        )

    def owners(self) -> dict[int, Machine]:
        """The machine that the group believes to have each partition."""
        return {
            partition: machine
            for machine in self.machines
            if machine.process is not None and machine.process.alive and machine.kind == "worker"
            if (member := self.members.members.get(machine.process.name)) is not None
            for partition in member.actives
        }

    @staticmethod
    def _mark_in(machine: Machine, partition: int) -> int:
        store = machine.stores.partitions.get(partition) if machine.stores is not None else None
        row = None if store is None else store.get(PARTITION_KEY)
        return -1 if row is None else row_mark(row)

    def _is_learned(self) -> bool:
        end = self.broker.log(EXAMPLES, 0).end
        return end == 0 or any(
            machine.shell is not None and machine.shell._offset == end - 1
            for machine in self.machines
            if machine.process is not None and machine.process.alive and machine.runtime and machine.runtime.assigned
        )

    def _is_fanned_out(self) -> bool:
        published = self.broker.log(WEIGHTS, 0).records
        if not published:
            return True
        name = b'"weights-%d"' % decode_published(published[-1].value or b"").version
        return all(
            any(name in (record.value or b"") for record in self.broker.log(ACTIONS, partition).records)
            for partition in range(self.partitions)
        )


def _nothing() -> None:
    """The disk is as it was."""


def _ignore(_landed: Landed) -> None:
    """Nobody counts."""


def reach(connection: Connection, broker: Broker) -> None:
    """Let the clients of this connection find the simulated broker."""
    connection.consumer = {**connection.consumer, "broker": broker}
    connection.producer = {**connection.producer, "broker": broker}


_METRICS = Metrics()
