"""The policy: what the programme's owner decides, as text that is loaded into typed, validated, frozen sections."""

from loyalty.policy.earning import Cap, EarningRule, Expiry, Hold, Milestone, Penalty, Points, Streak
from loyalty.policy.insight import Misconduct, Opinions, Recommendations
from loyalty.policy.loader import parse_policy
from loyalty.policy.model import Policy
from loyalty.policy.offers import Benefit, Campaign, FeatureBound, Offers, Reward, Segment
from loyalty.policy.programme import Input, Learning, Notifications, Programme
from loyalty.policy.tiers import ScoreTerm, Tier, Tiers
from loyalty.policy.trial import Trial

__all__ = [
    "Benefit",
    "Campaign",
    "Cap",
    "EarningRule",
    "Expiry",
    "FeatureBound",
    "Hold",
    "Input",
    "Learning",
    "Milestone",
    "Misconduct",
    "Notifications",
    "Offers",
    "Opinions",
    "Penalty",
    "Points",
    "Policy",
    "Programme",
    "Recommendations",
    "Reward",
    "ScoreTerm",
    "Segment",
    "Streak",
    "Tier",
    "Tiers",
    "Trial",
    "parse_policy",
]
