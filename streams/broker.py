"""The embedded broker: librdkafka's mock cluster, held open in this process.

It serves Faust, aiokafka and confluent-kafka over loopback, needs no Java and starts at once: right for the demo and
for fast tests, never for data that anyone needs. It keeps about 5 MB per partition and nothing on disk, drops the
oldest records beyond that, makes every topic with 4 partitions when it is first named, and has no topic settings or
ids.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from features.errors import BrokerError

PARTITIONS = 4  # fixed inside librdkafka
PARTITION_BYTES = 5 * 1024 * 1024  # fixed inside librdkafka; older records are dropped beyond
_CLUSTER_ID_PREFIX = "mockCluster"  # how librdkafka names its mock clusters
_METADATA_TIMEOUT_S = 10.0


def is_embedded(cluster_id: str | None) -> bool:
    """Whether a cluster id, as metadata tells it, is that of an embedded broker.

    Example:
        >>> is_embedded("mockCluster7f3a"), is_embedded("MkU3OEVBNTcwNTJENDM2Qg"), is_embedded(None)
        (True, False, False)
    """
    return cluster_id is not None and cluster_id.startswith(_CLUSTER_ID_PREFIX)


class EmbeddedBroker:
    """A broker inside this process; it lives from `start` to `stop`.

    Args:
        brokers: How many broker addresses the cluster pretends to have, 1 to 3.

    Example:
        >>> with EmbeddedBroker() as broker:
        ...     broker.bootstrap.startswith("127.0.0.1:")
        True
    """

    def __init__(self, brokers: int = 1) -> None:
        if not 1 <= brokers <= 3:  # noqa: PLR2004 - the docstring names the bound
            raise BrokerError(f"brokers: {brokers} is not possible; use 1 to 3")
        self._brokers = brokers
        self._holder: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """Addresses for clients, separated by commas.

        Raises:
            BrokerError: the broker is not started.
        """
        if self._holder is None:
            raise BrokerError("the embedded broker is not started; call start() first")
        return self._bootstrap

    def start(self) -> Self:
        """Start it; it serves at once."""
        # The mock cluster belongs to a client that asked for it, and ends with it.
        self._holder = Producer({"test.mock.num.brokers": self._brokers, "log_level": 0})
        brokers = self._holder.list_topics(timeout=_METADATA_TIMEOUT_S).brokers.values()
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def stop(self) -> None:
        """Stop it; everything it held is gone. Safe to call twice."""
        self._holder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
