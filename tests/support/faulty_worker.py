"""A worker with the real fold that a fault is planned for: `python -m tests.support.faulty_worker worker`.

Beside the steps of a commit there is the point `said`: a batch's outputs are acknowledged and there are decisions among
them. What a batch holds is a matter of how fetches are answered, so the N-th batch may have nothing to say.
"""

import os
from collections.abc import Callable, Sequence

from streams.app import run_worker
from streams.decision_log import DECISION_TOPICS
from streams.logs import configure_logs
from streams.records import Output
from streams.settings import Settings
from streams.writers import BatchWriter
from tests.support.toy_worker import fault_hook


def tell_said(hook: Callable[[str, int], None]) -> None:
    """Call `hook` after each batch whose outputs hold a decision, once all of them are acknowledged."""
    send_outputs = BatchWriter.send_outputs

    async def send_and_tell(self: BatchWriter, partition: int, outputs: Sequence[Output]) -> None:
        await send_outputs(self, partition, outputs)
        if any(output.topic in DECISION_TOPICS for output in outputs):
            hook("said", partition)

    BatchWriter.send_outputs = send_and_tell  # type: ignore[method-assign,assignment]  # the product has no hook for this


if __name__ == "__main__":
    configure_logs("info")
    fault = fault_hook(os.environ.get("TOY_FAULT", ""))
    tell_said(fault)
    run_worker(
        Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}),
        hook=fault,
    )
