"""Notifications: what a member should be told, on the channels of the member's choice."""

import msgspec

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
    if refusal is None and _withheld(context):
        return
    data = _next(context, kind, about)
    _send(context, msgspec.structs.replace(data, points=points, due_ms=due_ms, reason=refusal or ""))


def notify_progress(context: Context, milestone: str, points: int, reached: int, target: int) -> None:
    """Tell the member how far it is to a milestone's `points`."""
    if not _withheld(context):
        data = _next(context, "milestone_progress", milestone)
        _send(context, msgspec.structs.replace(data, points=points, reached=reached, target=target))


def _withheld(context: Context) -> bool:
    return context.scope.policy.notifications.purpose in context.core.withheld


def _next(context: Context, kind: NotificationKind, about: str) -> NotificationData:
    """The notification with the member's next number."""
    core, scope = context.core, context.scope
    context.account.core_changed = True
    core.sequences.notifications += 1
    return NotificationData(
        sequence=core.sequences.notifications,
        kind=kind,
        channels=core.channels,
        about=about,
        cause=context.cause,
        policy_version=scope.policy_version,
        engine=scope.engine,
    )


def _send(context: Context, data: NotificationData) -> None:
    context.out.append(
        Notification(
            id=derived_id(context.member, SOURCE, "notification", data.kind, str(data.sequence)),
            type=NOTIFICATION_TYPE + data.kind,
            time=instant(context.time_ms),
            subject=context.member,
            data=data,
        )
    )
