"""Which members are in a trial, and what it adds to their awards: a function of the policy and the member id."""

from hashlib import blake2b

from loyalty.policy.fields import BP
from loyalty.policy.trial import Trial

HOLD_OUT = "-"
"""The arm of members who take part and get nothing extra."""


def arm_of(trial: Trial, member: str) -> str:
    """The action whose awards the trial raises for this member, `HOLD_OUT`, or empty for who takes no part.

    Example:
        >>> trial = Trial(id="spring", actions=("review", "share"), share_bp=10_000)
        >>> [arm_of(trial, f"m-{number}") for number in range(6)]
        ['-', 'share', '-', 'share', 'review', 'share']
    """
    if not trial.actions:
        return ""
    digest = blake2b(f"{trial.id}/{member}".encode(), digest_size=16, person=b"ts-trial").digest()
    if int.from_bytes(digest[:8], "big") % BP >= trial.share_bp:
        return ""
    place = int.from_bytes(digest[8:], "big") % (len(trial.actions) + 1)
    return HOLD_OUT if place == len(trial.actions) else trial.actions[place]


def raised_bp(trial: Trial, member: str, action: str, weight_bp: int) -> int:
    """The factor on an award: the learned weight, and in the trial's arm for the action the bonus on at least one.

    Example:
        >>> raised_bp(Trial(actions=("review",), share_bp=0), "m-42", "review", 9_000)
        9000
    """
    if action not in trial.actions or arm_of(trial, member) != action:
        return weight_bp
    return max(BP, weight_bp) * trial.bonus_bp // BP
