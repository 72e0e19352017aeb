"""One broker process: format its storage, start it, stop it, kill it, start it again."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from deploy.kafka.config import HOST, Node
from deploy.kafka.jvm import Jvm
from features.errors import BrokerError

_STOP_TIMEOUT_S = 30.0  # the last broker of a quorum cannot hand over and would wait for minutes
_POLL_S = 0.1
_TAIL_BYTES = 3_000


class Broker:
    """A broker process in its own folder, by its own pid.

    The folder holds `server.properties`, `data/`, `broker.log`, `broker.out` and, while the process runs, `broker.pid`.
    """

    def __init__(self, node: Node, folder: Path, jvm: Jvm) -> None:
        self.node = node
        self.folder = folder
        self._jvm = jvm
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs, else None."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process is not None else None

    def format(self, cluster_id: str) -> subprocess.Popen[bytes]:
        """Begin to format the storage; the caller waits for the process, so that several brokers format at once."""
        options = ("format", f"--cluster-id={cluster_id}", "--config", str(self.folder / "server.properties"))
        plain = replace(self._jvm, dump_classes=None)
        command = plain.command("kafka.tools.StorageTool", self.folder / "format.log", *options)
        with (self.folder / "broker.out").open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own command line, no shell
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )

    def start(self) -> None:
        """Start the process; does nothing when it runs. Use `wait_listening` to know when it serves."""
        if self.pid is not None:
            return
        properties = str(self.folder / "server.properties")
        command = self._jvm.command("kafka.Kafka", self.folder / "broker.log", properties)
        with (self.folder / "broker.out").open("ab") as out:
            # A session of its own: an interrupt at the terminal reaches the launcher, which stops brokers in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
            )
        (self.folder / "broker.pid").write_text(str(self._process.pid), encoding="ascii")

    def wait_listening(self, timeout_s: float) -> None:
        """Wait until the client port takes connections.

        Raises:
            BrokerError: the process ended or did not listen in time; the message carries the end of its output.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.pid is None:
                raise BrokerError(f"broker {self.node.node_id}: ended while starting\n{self.tail()}")
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex((HOST, self.node.port)) == 0:
                    return
            time.sleep(_POLL_S)
        raise BrokerError(f"broker {self.node.node_id}: does not listen after {timeout_s:.0f} s\n{self.tail()}")

    def stop(self) -> None:
        """Ask the process to end (SIGTERM) and wait for it; after 30 s, kill it."""
        self.send_signal(signal.SIGTERM)
        self._reap()

    def kill(self) -> None:
        """Kill the process at once (SIGKILL); what it had handed to the operating system survives."""
        self.send_signal(signal.SIGKILL)
        self._reap()

    def send_signal(self, number: signal.Signals) -> None:
        """Send any signal, such as SIGSTOP and SIGCONT, to the running process."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        (self.folder / "broker.pid").unlink(missing_ok=True)

    def tail(self) -> str:
        """The end of what the process printed and logged."""
        parts: list[str] = []
        for name in ("broker.out", "broker.log"):
            path = self.folder / name
            if path.exists():
                parts.append(f"--- {name}\n" + path.read_bytes()[-_TAIL_BYTES:].decode(errors="replace"))
        return "\n".join(parts)
