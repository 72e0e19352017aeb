"""One real broker for all pytest processes of a run.

The process that needs a broker first starts it and owns it. Every user holds a shared lock on a file; the owner may
stop the broker only when it gets that lock for itself alone. The kernel drops the locks of a process that dies, so a
crashed worker blocks nobody.
"""

import fcntl
import time
from pathlib import Path
from typing import IO

from deploy.kafka import KafkaCluster

_POLL_S = 0.2


class SharedBroker:
    """A share in the broker of this test run.

    Args:
        folder: A folder that all processes of the run share, and no other run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: IO[str] | None = None
        self._cluster: KafkaCluster | None = None

    def join(self) -> str:
        """Start the broker or join the running one.

        Returns:
            Its bootstrap address.
        """
        with self._gate():
            self._users = (self._folder / "broker.users").open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not self._address.exists():
                self._cluster = KafkaCluster().start()
                self._address.write_text(self._cluster.bootstrap, encoding="ascii")
            return self._address.read_text(encoding="ascii")

    def leave(self) -> None:
        """Give up the share; the owner waits until everyone has, then stops the broker."""
        if self._users is None:
            return
        if self._cluster is None:
            self._users.close()
            return
        while not self._stop_if_alone(self._users, self._cluster):
            time.sleep(_POLL_S)

    def _stop_if_alone(self, users: IO[str], cluster: KafkaCluster) -> bool:
        with self._gate():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(users, fcntl.LOCK_SH)  # a failed upgrade may have dropped the share
                return False
            self._address.unlink()
            users.close()
        cluster.stop()
        return True

    @property
    def _address(self) -> Path:
        return self._folder / "broker.address"

    def _gate(self) -> "_Gate":
        return _Gate(self._folder / "broker.lock")


class _Gate:
    """Only one process at a time joins or leaves."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_error: object) -> None:
        self._file.close()
