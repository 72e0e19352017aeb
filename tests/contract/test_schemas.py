"""The checked-in contract, the types and real messages agree."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from features.actions import ACTION_TYPES, decode_action
from features.event_time import ZoneRules
from loyalty.decisions import POINTS_TYPE, TIER_TYPE
from loyalty.draw_records import encode_draw
from loyalty.draw_sales import Reveal, SaleAt, reveal, sell
from loyalty.draws import commitment_of
from loyalty.effects import Claim, Effect
from loyalty.owner_rows import DrawState
from loyalty.scope import Scope
from online_models.finding_events import encode_finding
from online_models.findings import Copied, Found, Judged, Wave, finding_of
from online_models.offer_findings import Chosen, OfferFigures, OffersJudged
from online_models.recommended import Line, Recommendation, Recommended, Settled, encode_recommendation
from streams.effects import EffectRecord
from streams.memory_store import MemoryStore
from streams.notify.undelivered import undelivered
from streams.owners import Owners
from streams.records import Output
from streams.replay import Replay, replay_lines
from streams.schemas import CHANNELS, documents, event_name
from tests.support import post_office
from tests.support.member_desk import policy_of
from tests.support.offering import offering, shopping
from tests.support.partition_log import build_log, policy_data, read_at_once
from tests.support.random_history import DAY_MS, START_MS, event, purchase

CONTRACT = Path(__file__).parents[2] / "docs" / "contract"

# One example of each action, as a producer would send it.
ACTION_DATA: Mapping[str, dict[str, object]] = {
    "enroll": {"channels": ["app", "email"]},
    "login": {},
    "browse": {"duration_ms": 45_000, "category": "DAIRY"},
    "search": {"query": "oat milk"},
    "click": {"item_id": "p-1"},
    "favourite": {"item_id": "p-1"},
    "add_to_cart": {"item_id": "p-1"},
    "purchase": {"order_id": "o-1", "amount": 2599, "currency": "USD", "items": [{"item_id": "p-9", "amount": 2599}]},
    "refund": {"order_id": "o-1", "amount": 599, "currency": "USD"},
    "review": {"item_id": "p-9", "rating": 5, "text": "very good", "helpful_votes": 2},
    "share": {"channel": "wechat"},
    "referral": {"referred": "m-43"},
    "feedback": {"satisfaction": 4},
    "redeem": {"reward_id": "r-1"},
    "coupon_redeem": {"coupon_id": "c-1"},
    "campaign_received": {"campaign_id": "k-1"},
    "misconduct": {"kind": "spam", "severity": 2},
    "adjust": {"points": -50, "operator": "desk-7", "reason": "double entry of 3 May"},
    "link_identity": {"other": "m-43"},
    "consent": {"purpose": "marketing", "granted": True},
    "erase": {},
    "redeem_cancel": {"redeem_id": "e-1"},
    "delivery": {"order_id": "o-1"},
}


# The sections under which the trainer is told of actions.
OBSERVING = ("recommendations", "opinions", "misconduct")

# What the trainer publishes; everything else but actions comes from the pipeline.
OF_THE_TRAINER = {"findings", "recommendations"}
OF_THE_NOTIFIER = {"undelivered"}

FIGURES = OfferFigures(
    offer="spring",
    is_on=True,
    made=900,
    settled=800,
    taken=300,
    held_out=400,
    added_points=9_000,
    is_known=True,
    spend_milli=(1_500, 200),
    points_milli=(90, 8),
    value_milli=(700, 90),
)

SEED = bytes(32)
POLICY_WITH_DRAW = policy_of(
    f"""
[[rewards]]
id = "car"
kind = "draw"
price = 10
draw = {{ commitment = "{commitment_of(SEED)}", closes = 2027-01-01T00:00:00Z }}
"""
)


def actions() -> list[tuple[int, bytes]]:
    return [
        (START_MS + number * DAY_MS, event(kind, f"e-{number}", "m-42", START_MS + number * DAY_MS, data))
        for number, (kind, data) in enumerate(ACTION_DATA.items())
    ]


def outputs() -> list[Output]:
    broken = [(START_MS + 30 * DAY_MS, b"{"), (START_MS + 31 * DAY_MS, event("teleport", "x", "m-42", START_MS))]
    later = [
        (START_MS + day * DAY_MS, purchase(f"late-{day}", "m-42", START_MS + day * DAY_MS, 90_000))
        for day in range(32, 400, 9)
    ]
    data = policy_data()
    text = data.text + "".join(f"\n[{section}]\nenabled = true\n" for section in OBSERVING)
    policy = msgspec.structs.replace(data, text=text)
    return read_at_once(build_log([*actions(), *broken, *later], policy, tick_every_ms=DAY_MS))[0]


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((CONTRACT / "schemas" / f"{name}.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=Registry[object]().with_resource(name, Resource.from_contents(schema)))


def test_the_checked_in_contract_is_what_the_types_say() -> None:
    stored = {path.relative_to(CONTRACT).as_posix(): path.read_bytes() for path in CONTRACT.rglob("*.json")}
    assert stored == documents(), "run: python -m streams.schemas docs/contract"


def test_there_is_an_example_of_every_action() -> None:
    assert [f"loyalty.action.{kind}" for kind in ACTION_DATA] == [event_name(kind) for kind in ACTION_TYPES]


@pytest.mark.parametrize("kind", ACTION_DATA)
def test_what_a_producer_sends_fits_its_schema_and_its_type(kind: str) -> None:
    raw = event(kind, "e-1", "m-42", START_MS, ACTION_DATA[kind])
    validator(f"loyalty.action.{kind}").validate(json.loads(raw))
    assert decode_action(raw).name == kind


@pytest.mark.parametrize(
    ("kind", "data"),
    [("purchase", {"amount": -1, "currency": "USD", "order_id": "o"}), ("review", {"item_id": "p", "rating": 6})],
)
def test_what_the_type_refuses_the_schema_refuses_too(kind: str, data: dict[str, object]) -> None:
    assert not validator(f"loyalty.action.{kind}").is_valid(json.loads(event(kind, "e", "m-42", START_MS, data)))


def schema_of(topic: str, message: Mapping[str, object]) -> str:
    kind = str(message["type"])
    if topic == "effects":
        return event_name(EffectRecord)
    families = {"points": POINTS_TYPE, "tier-changes": TIER_TYPE, "notifications": "loyalty.notification."}
    return families[topic].removesuffix(".") if topic in families else kind


def published() -> Iterator[tuple[str, dict[str, object]]]:
    for output in outputs():
        message = json.loads(output.value)
        yield schema_of(output.topic, message), message
    replay = replay_lines((line for _, line in shopping(3, 30)), Replay(offering(), None))
    for raw in replay.result().examples:
        message = json.loads(raw)
        yield schema_of("examples", message), message


def test_what_we_publish_fits_its_schema() -> None:
    seen = set()
    for name, message in published():
        validator(name).validate(message)
        seen.add(name)
    pipeline_topics = CHANNELS.keys() - {"actions", "draws"} - OF_THE_TRAINER - OF_THE_NOTIFIER
    assert seen - {event_name(EffectRecord)} == {
        event_name(kind) for topic in pipeline_topics for kind in CHANNELS[topic][1]
    }


@pytest.mark.parametrize(
    "found",
    [
        Wave(about="p-1", from_ms=0, until_ms=1, count=9, members=9, usual_micro=1, examples=("0-1",), quotes=()),
        Copied(member="a", example="0-1", of_member="b", of_example="0-0", similarity_bp=9_000),
        Judged(member="a", partition=0, verdict="hold", score=990, reason="busy", rates=(("login_count_24h", 900),)),
        Chosen(
            member="a",
            partition=0,
            time_ms=1,
            segment="gold/few",
            chances_bp=(("", 2_500), ("spring", 7_500)),
            offer="",
        ),
        OffersJudged(measured_share_bp=10_000, offers=(FIGURES,), segments=(("gold/few", (("", 10_000),)),)),
    ],
)
def test_a_finding_fits_its_schema(found: Found) -> None:
    message = json.loads(encode_finding(finding_of(found, number=0, example_offset=1, log_time_ms=2)))
    validator(message["type"]).validate(message)


def test_what_is_reported_as_undelivered_fits_its_schema() -> None:
    original = post_office.record()
    delivery = post_office.delivery_of(original, code="smtp 550", attempts=2)
    message = json.loads(undelivered(delivery, "refused"))
    validator("loyalty.undelivered").validate(message)
    assert b64decode(message["data"]["notification_base64"]) == original


def test_every_message_of_the_asyncapi_document_has_its_schema() -> None:
    document = json.loads((CONTRACT / "asyncapi.json").read_bytes())
    for channel in document["channels"].values():
        for message in channel["messages"].values():
            assert (CONTRACT / message["payload"]["$ref"]).is_file()


def test_what_is_published_of_a_draw_fits_its_schema() -> None:
    policy = POLICY_WITH_DRAW.compiled.rewards["car"].draw
    assert policy is not None
    state, owners = DrawState(), Owners(MemoryStore())
    scope = Scope(policy=POLICY_WITH_DRAW, zone=ZoneRules.utc())
    at = SaleAt(START_MS, START_MS, scope, owners.change)
    records = sell(state, "car", Claim(holder="m-1", claim="4:shopr-1"), at).records
    said = reveal(state, Reveal("car", SEED.hex()), at)
    records += [record for record in said if not isinstance(record, Effect)]
    names = {str(type(record).__struct_config__.tag) for record in records}
    for record in records:
        validator(str(type(record).__struct_config__.tag)).validate(json.loads(encode_draw(record)))
    assert names == {event_name(kind) for kind in CHANNELS["draws"][1]}


def test_a_recommendation_fits_its_schema() -> None:
    line = Line(id="p-1", score_micro=500_000, own_micro=0)
    settled = Settled(example_offset=1, mixture="habit", propensity_bp=250, reward_micro=0)
    recommended = Recommended(
        member="a",
        segment="gold/few",
        mixture="popular",
        propensity_bp=9_250,
        items=(line,),
        categories=(),
        settled=settled,
    )
    made = Recommendation(example_offset=7, log_time_ms=1, partition=0, recommended=recommended)
    validator("loyalty.recommendation").validate(json.loads(encode_recommendation(made)))
