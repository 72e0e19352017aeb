"""Writes to the topic of what was not delivered; each record is acknowledged before it counts."""

from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.notify.deliveries import Delivery, Reason
from streams.notify.undelivered import undelivered
from streams.settings import Settings
from streams.topics import topic_name

_POLL_S = 0.05
# The topic takes 8 MiB with everything around a record; an original of 1 MiB is 4/3 of that in base64.
_MOST_BYTES = 7 * 1024 * 1024


class UndeliveredTopic:
    """Reports deliveries. Called from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(settings, "undelivered")
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "enable.idempotence": True,
                "message.max.bytes": _MOST_BYTES,
                "message.timeout.ms": settings.request_timeout_ms,
                "log_level": 0,
            }
        )

    def report(self, delivery: Delivery, reason: Reason) -> bool:
        """Write one record; False where the broker does not acknowledge it, and it is to be reported again."""
        answered, refused = Event(), list[KafkaError]()

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                refused.append(error)
            answered.set()

        try:
            self._producer.produce(
                self._topic,
                undelivered(delivery, reason),
                key=delivery.member,
                partition=delivery.partition,
                on_delivery=note,
            )
        except (BufferError, KafkaException):
            return False
        while not answered.is_set():  # it is, at the latest when the message times out
            self._producer.poll(_POLL_S)
        return not refused
