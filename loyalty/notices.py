"""Notifications: what a member should be told, on the channels of the member's choice."""

from loyalty.context import Context
from loyalty.decisions import (
    NOTIFICATION_TYPE,
    SOURCE,
    Notification,
    NotificationData,
    NotificationKind,
    derived_id,
    instant,
)


def notify(
    context: Context, kind: NotificationKind, about: str, points: int = 0, due_ms: int = 0, refusal: str | None = None
) -> None:
    """Tell the member something about a tier or a reward.

    It is left out where consent for the notifications' purpose was withdrawn, but for the answer to a redemption, which
    always comes: `refusal` is its reason, empty where the reward is granted. The id is made from the number, since
    a lot can be worth two reminders: when it is spent, and late points come to it.
    """
    core, scope = context.core, context.scope
    if refusal is None and scope.policy.notifications.purpose in core.withheld:
        return
    context.account.core_changed = True
    core.sequences.notifications += 1
    data = NotificationData(
        sequence=core.sequences.notifications,
        kind=kind,
        channels=core.channels,
        about=about,
        points=points,
        due_ms=due_ms,
        reason=refusal or "",
        cause=context.cause,
        policy_version=scope.policy_version,
        engine=scope.engine,
    )
    context.out.append(
        Notification(
            id=derived_id(context.member, SOURCE, "notification", kind, str(core.sequences.notifications)),
            type=NOTIFICATION_TYPE + kind,
            time=instant(context.time_ms),
            subject=context.member,
            data=data,
        )
    )
