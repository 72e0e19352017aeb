"""Only who holds a key may write records that decide."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.event_time import ZoneRules
from loyalty.weights import Weights
from streams.controls import (
    PolicyData,
    WeightsData,
    decode_control,
    is_signed,
    policy_record,
    public_key_of,
    tick_record,
    weights_record,
)

OURS = Ed25519PrivateKey.from_private_bytes(bytes(32))
THEIRS = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
WEIGHTS = WeightsData(Weights(version=3, earning_bp=(("purchase", 9_500),)), example_offset=9, log_time_ms=1_000)


def test_what_we_signed_is_ours() -> None:
    for raw in (tick_record(1, OURS), weights_record(WEIGHTS, OURS)):
        assert is_signed(decode_control(raw), (public_key_of(OURS),))


def test_what_another_key_signed_is_not() -> None:
    assert not is_signed(decode_control(tick_record(1, THEIRS)), (public_key_of(OURS),))


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "é"])
def test_a_record_without_a_proper_signature_is_not_ours(signature: str) -> None:
    forged = json.loads(tick_record(1, OURS)) | {"signature": signature}
    assert not is_signed(decode_control(json.dumps(forged).encode()), (public_key_of(OURS),))


def test_a_changed_record_is_not_ours() -> None:
    forged = json.loads(weights_record(WEIGHTS, OURS))
    forged["data"]["weights"]["earning_bp"] = [["purchase", 99_999]]
    assert not is_signed(decode_control(json.dumps(forged).encode()), (public_key_of(OURS),))


def test_the_key_of_a_history_signs_ticks_and_nothing_else() -> None:
    keys = (public_key_of(THEIRS, "history"),)
    assert is_signed(decode_control(tick_record(1, THEIRS)), keys)
    assert not is_signed(decode_control(weights_record(WEIGHTS, THEIRS)), keys)


def test_a_policy_record_comes_back_as_it_was() -> None:
    data = PolicyData(2, 5_000, 1, "text", ZoneRules.utc().to_text(), (public_key_of(OURS),))
    control = decode_control(policy_record(data, OURS))
    assert control.data == data
    assert is_signed(control, data.public_keys)


def test_weights_that_are_too_large_for_the_log_are_refused() -> None:
    huge = Weights(version=1, earning_bp=tuple((f"action-{n}", 10_000) for n in range(20_000)))
    with pytest.raises(ValueError, match="weights version 1 takes"):
        weights_record(WeightsData(huge, 0, 0), OURS)
