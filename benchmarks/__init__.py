"""How fast the engine is, beside its own limit and beside others: `python -m benchmarks --help`."""
