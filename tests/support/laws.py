"""How many cases the laws of the ledger are tried on: points are money, so five times as many as other laws."""

from hypothesis import settings

# 500 everyday, 10,000 in the nightly profile.
LEDGER_LAW = settings(max_examples=5 * settings().max_examples)
