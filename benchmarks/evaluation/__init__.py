"""Does what is learned beat the static programme and batch models? `python -m benchmarks.evaluation FILE`."""
