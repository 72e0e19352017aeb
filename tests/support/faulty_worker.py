"""A worker with the real fold that a fault is planned for: `python -m tests.support.faulty_worker worker`."""

import os

from streams.app import run_worker
from streams.logs import configure_logs
from streams.settings import Settings
from tests.support.toy_worker import fault_hook

if __name__ == "__main__":
    configure_logs("info")
    run_worker(
        Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}),
        hook=fault_hook(os.environ.get("TOY_FAULT", "")),
    )
