"""The notifier's process: one thread reads, some per channel deliver, until a signal comes or something fails.

Whatever fails that nobody foresaw ends the process, so that nothing is taken for delivered by accident; the outbox and
the log know where to go on.
"""

import signal
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from threading import Condition, Event, Thread

from streams.logs import log
from streams.metrics import Metrics
from streams.notify.catalogue_files import Catalogues
from streams.notify.channels import needs_address, open_channel
from streams.notify.couriers import Clock, Courier, Office, Step, StepHook
from streams.notify.deliveries import Delivery
from streams.notify.directory import open_directory
from streams.notify.outbox import Depth, Outbox
from streams.notify.reading import NotificationReader
from streams.notify.reporting import UndeliveredTopic
from streams.notify.settings import NotifySettings
from streams.notify.web import NotifierWeb
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

_NS_PER_MS = 1_000_000
_MS_PER_S = 1_000
# How late a thread notices that a time has come; what comes in wakes it at once.
_NAP_S = 0.5


def wall_clock() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // _NS_PER_MS


def _pass(_step: Step) -> None:
    """Let every step pass."""


class Threads:
    """The couriers at work: threads per channel, one more for what no channel is configured for.

    Args:
        office: What they share.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._stop = Event()
        self._news = Condition()
        self.failure: BaseException | None = None
        self._threads: list[Thread] = []
        channels = office.settings.channels
        for name, channel in channels.items():
            courier = Courier(office, open_channel(channel), needs_address=needs_address(channel))
            self._add(name, channel.threads, courier, _claimer(office, partial(tuple[str], (name,))))
        stray = Courier(office, None, needs_address=False)
        self._add("stray", 1, stray, _claimer(office, lambda: set(office.outbox.channels()) - channels.keys()))

    def _add(self, name: str, count: int, courier: Courier, claim: Callable[[], Delivery | None]) -> None:
        self._threads += [
            Thread(target=self._run, args=(courier, claim), name=f"{name}-{number}") for number in range(count)
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something new in the outbox."""
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        """Let each thread finish the delivery that it has in hand."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def _run(self, courier: Courier, claim: Callable[[], Delivery | None]) -> None:
        try:
            while not self._stop.is_set():
                delivery = claim()
                if delivery is None:
                    with self._news:
                        self._news.wait(_NAP_S)
                    continue
                try:
                    courier.serve(delivery)
                finally:
                    self._office.outbox.release(delivery)
        except BaseException as failure:  # noqa: BLE001 - whatever it is ends the process, by way of the reading thread
            self.failure = failure
        finally:
            courier.close()


def run_notifier(
    settings: Settings,
    notify: NotifySettings,
    catalogues: Catalogues,
    *,
    clock: Clock = wall_clock,
    hook: StepHook = _pass,
) -> None:
    """Deliver notifications until SIGTERM or SIGINT; what is in hand is finished.

    Args:
        settings: The broker, names, data folder and web port.
        notify: Channels, contacts, quiet hours, tries.
        catalogues: The words.
        clock: The time.
        hook: Told of each step; tests crash there.

    Raises:
        BrokerError: no broker answers, or topics are not as declared.
        SettingsError: a file that the settings name cannot be used, or another process uses the data folder.
        CorruptStateError: the outbox is another format's.
    """
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    admin = TopicAdmin(settings)
    admin.verify()
    metrics = Metrics()
    with ExitStack() as stack:
        outbox = stack.enter_context(Outbox(settings.data_dir / "notify"))
        outbox.follow(admin.topic_id("notifications"))
        office = Office(
            notify,
            catalogues,
            outbox,
            open_directory(notify.contacts),
            UndeliveredTopic(settings),
            metrics,
            clock,
            hook,
        )
        threads = Threads(office)
        reader = NotificationReader(
            settings, outbox, notify.default_channel, limit=notify.outbox_limit, metrics=metrics
        )
        stack.callback(reader.close)
        if settings.metrics:
            look = _observer(office)
            web = NotifierWeb(
                settings.web_host, settings.web_port, metrics=metrics, look=look, is_ready=lambda: reader.assigned
            )
            stack.enter_context(web)
        stack.callback(threads.stop)
        threads.start()
        reader.start()
        while not stop.is_set():
            if reader.step(lambda: hook("taken_in")):
                threads.wake()
            if threads.failure is not None:
                raise threads.failure
    log("notify").info("stopped")


def _claimer(office: Office, channels: Callable[[], Iterable[str]]) -> Callable[[], Delivery | None]:
    """What finds the next delivery of some channels."""

    def claim() -> Delivery | None:
        now_ms = office.clock()
        found = (office.outbox.claim(channel, now_ms) for channel in channels())
        return next((delivery for delivery in found if delivery is not None), None)

    return claim


def _observer(office: Office) -> Callable[[], None]:
    """What brings the gauges up to date."""
    shown = set(office.settings.channels)

    def look() -> None:
        depths, now_ms = office.outbox.depths(), office.clock()
        shown.update(depths)
        for channel in shown:
            depth = depths.get(channel, Depth(0, now_ms))
            office.metrics.set("outbox_deliveries", channel, depth.deliveries)
            office.metrics.set("outbox_oldest_seconds", channel, max(0, now_ms - depth.oldest_ms) / _MS_PER_S)

    return look
