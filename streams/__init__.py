"""The path from Kafka to Kafka: codecs, pipeline, commit, command line."""
