"""`python -m streams.cli` is `tierstream`."""

from streams.cli import main

main()
