"""Moves the leaders of partitions to other brokers, by the protocol that Kafka's own tools speak.

confluent-kafka 2.16 refuses every call of its `elect_leaders`, and aiokafka has none, so the request is defined here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

_ELECT_LEADERS = 43
_PREFERRED = 0
_TIMEOUT_MS = 20_000

# Topic and partition.
Place = tuple[str, int]


class _Elected(Response):
    API_KEY = _ELECT_LEADERS
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("error_code", Int16), ("error_message", String("utf-8"))),
                ),
            ),
        ),
    )


class _Elect(RequestStruct):
    API_KEY = _ELECT_LEADERS
    API_VERSION = 1
    RESPONSE_TYPE = _Elected
    SCHEMA = Schema(
        ("election_type", Int8),
        ("topics", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))),
        ("timeout_ms", Int32),
    )


class _ElectRequest(Request[_Elect]):
    API_KEY = _ELECT_LEADERS

    def __init__(self, places: Sequence[Place]) -> None:
        self._topics: dict[str, list[int]] = {}
        for topic, partition in places:
            self._topics.setdefault(topic, []).append(partition)

    def build(self, request_struct_class: Any) -> Any:  # noqa: ANN401 - aiokafka has no types
        return request_struct_class(_PREFERRED, list(self._topics.items()), _TIMEOUT_MS)


async def lead(bootstrap: str, replicas: Mapping[Place, Sequence[int]]) -> None:
    """Make the first broker of each list the leader; the lists must name the brokers that have the copies now.

    Raises:
        RuntimeError: the cluster refuses.
    """
    topics: dict[str, list[tuple[int, list[int], dict[int, bytes]]]] = {}
    for (topic, partition), brokers in replicas.items():
        topics.setdefault(topic, []).append((partition, list(brokers), {}))
    ordered: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        for request in (AlterPartitionReassignmentsRequest(_TIMEOUT_MS, ordered, {}), _ElectRequest(list(replicas))):
            response = await client._send_to_controller(request)
            if response.error_code:
                raise RuntimeError(f"leaders cannot be moved: {response}")
    finally:
        await client.close()
