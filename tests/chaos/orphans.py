"""Processes of a campaign end with it, however it ends."""

import os
import threading
import time

_POLL_S = 1.0
_ORPHANED = 75


def end_with_parent() -> None:
    """End this process soon after the one that started it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        os._exit(_ORPHANED)

    threading.Thread(target=watch, name="parent", daemon=True).start()
