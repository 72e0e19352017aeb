"""`/recommend/MEMBER/`: what a member may buy next, from the trainer's memory, over HTTP.

`available` names the items that may be recommended, separated by commas: what is in stock, and open to the member's
tier. `length` is how many to name.
"""

from collections.abc import Callable, Collection, Mapping

import msgspec
from aiohttp.web import Response
from faust.types.web import Request, View

from online_models.recommended import Recommended
from streams.faust_overrides import ShellApp

Recommend = Callable[[str, int, Collection[str] | None], Recommended]

DEFAULT_LENGTH = 10
MAX_LENGTH = 50
_BAD_REQUEST = 400


def answer(recommend: Recommend, member_id: str, query: Mapping[str, str]) -> Response:
    """Answer a request with JSON, or say what is wrong with it."""
    length = query.get("length", str(DEFAULT_LENGTH))
    if not length.isdecimal() or not 1 <= int(length) <= MAX_LENGTH:
        return Response(text=f"length: a number from 1 to {MAX_LENGTH}, not {length!r}", status=_BAD_REQUEST)
    names = query.get("available")
    available = None if names is None else [name for name in names.split(",") if name]
    body = msgspec.json.encode(recommend(member_id, int(length), available))
    return Response(body=body, content_type="application/json")


def add_recommend_view(app: ShellApp, recommend: Recommend) -> None:
    """Serve recommendations."""

    @app.page("/recommend/{member}/")
    async def recommend_to(_view: View, request: Request, member: str) -> Response:
        """What a member may buy next."""
        return answer(recommend, member, request.query)
