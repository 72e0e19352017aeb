"""What an orchestrator asks: a worker is not ready while its rows are not complete."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streams.metrics import Metrics
from streams.observing import add_views

View = Callable[[object, object], Awaitable[Any]]


class Pages:
    """Stands in for the app: keeps the views by their path."""

    def __init__(self, *, ready: bool) -> None:
        self.views: dict[str, View] = {}
        self.tables = SimpleNamespace(recovery=SimpleNamespace(ready=ready))

    def page(self, path: str) -> Callable[[View], View]:
        def keep(view: View) -> View:
            self.views[path] = view
            return view

        return keep


def ask(app: Any, path: str, looks: list[str]) -> Any:  # noqa: ANN401 - a stand-in, and aiohttp's answer
    add_views(app, Metrics(), lambda: looks.append("looked"))
    return asyncio.run(app.views[path](None, None))


@pytest.mark.parametrize(("ready", "status", "text"), [(False, 503, "recovering"), (True, 200, "ready")])
def test_a_worker_is_ready_when_its_rows_are_complete(
    ready: bool,  # noqa: FBT001 - a parameter of a test
    status: int,
    text: str,
) -> None:
    answer = ask(Pages(ready=ready), "/ready/", [])
    assert (answer.status, answer.text) == (status, text)


def test_metrics_are_looked_up_when_they_are_asked_for() -> None:
    looks: list[str] = []
    answer = ask(Pages(ready=True), "/metrics/", looks)
    assert looks == ["looked"]
    assert b"tierstream_" in answer.body
