"""Real Apache Kafka brokers (KRaft) on loopback ports, for tests, benchmarks and trials without Docker."""

from deploy.kafka.launcher import KafkaCluster

__all__ = ["KafkaCluster"]
