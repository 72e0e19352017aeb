"""The network between the processes of a campaign and its brokers: a loopback proxy for each pair, to cut and to slow.

A silent link holds what was sent and delivers it when it is whole again, even for a process that has died meanwhile, as
a network does: that is how a late writer's batch comes to land. A broken link resets connections and refuses new ones.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from deploy.kafka.config import HOST, Passage

_CHUNK_BYTES = 256 * 1024
_CHUNKS_ON_THE_WAY = 64
_START_S = 30.0


class Link:
    """The way between one client and one broker."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.broken = False
        self.whole = asyncio.Event()
        self.whole.set()
        self.connections: set[asyncio.StreamWriter] = set()

    async def serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to the broker's port."""
        if self.broken:
            writer.transport.abort()
            return
        try:
            broker_reader, broker_writer = await asyncio.open_connection(HOST, port)
        except OSError:  # the broker is down
            writer.transport.abort()
            return
        both = {writer, broker_writer}
        self.connections |= both
        try:
            await asyncio.gather(self._carry(reader, broker_writer), self._carry(broker_reader, writer))
        finally:
            self.connections -= both
            for each in both:
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_ON_THE_WAY)
        delivering = asyncio.create_task(self._deliver(on_the_way, writer))
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await on_the_way.put((loop.time() + self.delay_s, chunk))
        except OSError:
            pass  # reset: the same to us as an end
        await on_the_way.put((0.0, b""))
        await delivering

    async def _deliver(self, on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        gone = False
        while True:
            due, chunk = await on_the_way.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self.whole.wait()
            if not chunk:
                writer.close()
                return
            if not gone:
                try:
                    writer.write(chunk)
                    await writer.drain()
                except OSError:
                    gone = True  # what is still coming for it goes nowhere


class Network:
    """All links, in a thread of their own; a context manager.

    Args:
        passages: Where the brokers listen for each client, and where the client believes that they do.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = list(passages)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._links: dict[tuple[str, int], Link] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_START_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self, client: str, brokers: Collection[int], *, silently: bool) -> None:
        """Cut the client off: what it sends is held back, or its connections are reset and refused."""

        def act(link: Link) -> None:
            if silently:
                link.whole.clear()
            else:
                link.broken = True
                for writer in list(link.connections):
                    writer.transport.abort()

        self._on(client, brokers, act)

    def slow(self, client: str, brokers: Collection[int], delay_s: float) -> None:
        """Let everything take `delay_s` longer, each way."""
        self._on(client, brokers, lambda link: setattr(link, "delay_s", delay_s))

    def heal(self, client: str) -> None:
        """Make all links of the client whole and quick."""

        def act(link: Link) -> None:
            link.broken = False
            link.delay_s = 0.0
            link.whole.set()

        self._on(client, [node for name, node in self._links if name == client], act)

    def _on(self, client: str, brokers: Collection[int], act: Callable[[Link], object]) -> None:
        done: Future[None] = Future()

        def on_loop() -> None:
            for node in brokers:
                act(self._links[client, node])
            done.set_result(None)

        self._loop.call_soon_threadsafe(on_loop)
        done.result(_START_S)

    async def _open(self) -> None:
        for passage in self._passages:
            link = self._links[passage.client, passage.node_id] = Link()
            await self._listen(link, passage)

    async def _listen(self, link: Link, passage: Passage) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Only the end of the network cancels this, and asyncio's own callback cannot stand it.
            with suppress(asyncio.CancelledError):
                await link.serve(passage.port, reader, writer)

        self._servers.append(await asyncio.start_server(connected, HOST, passage.advertised_port))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # connections that were aborted are closed in the next round
        self._loop.close()
