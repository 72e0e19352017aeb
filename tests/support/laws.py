"""How many cases the laws of the ledger are tried on: points are money, so several times as many as other laws."""

from hypothesis import settings

# What everybody can wait for before a change lands, and what a night is long enough for.
_EVERYDAY = 300
_NIGHTLY = 10_000

LEDGER_LAW = settings(max_examples=_NIGHTLY if settings.get_current_profile_name() == "nightly" else _EVERYDAY)
