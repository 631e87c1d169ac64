"""Decisions about a subscription after its creation: recorded, previewed, withdrawn.

A preview records the change, computes what a run would issue, and takes the transaction back: so it
can be nothing else than what the change does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.locks import lock_subscription
from billing.models import Invoice, Period, Subscription, SubscriptionChange
from billing.rating.decisions import Decision, DecisionError
from billing.rating.timeline import Timeline
from billing.selectors.agreements import refuse_shared_meters
from billing.selectors.asked_changes import Asked, asked_change
from billing.selectors.contents import Computed, draft_of_boundary, draft_of_change
from billing.selectors.late_periods import is_drafted
from billing.selectors.previews import first_document, preview
from billing.selectors.timelines import stored_periods, timelines_of, turn_at, turn_keys
from billing.services.invoices import finalize_drafts, store_drafts
from billing.services.late import note_periods
from ingest.selectors.bounds import known_bound
from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.services.audit import record

WITHDRAW = SubscriptionChange.Type.WITHDRAW


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was recorded, and the invoice that it was billed by at once, if it was."""

    change: SubscriptionChange
    invoice: Invoice | None = None


def change_subscription(
    *,
    subscription: Subscription,
    type: str,
    given: Mapping[str, Any],
    reason: str,
    actor: Actor,
    at: datetime,
) -> Changed:
    """Record a change, scheduled where it takes effect after `at`, and bill it where that is asked
    for at once.

    `given` is what the request says beside type and reason: docs/subscriptions.md, "Changes". One
    that reaches back corrects what was billed with the next document; it may not move boundaries
    that were drafted. Raises ConflictError where the state then forbids it, InvalidError with a
    pointer for what makes no sense. What is billed takes its number last: call nothing after it.
    """
    locked = lock_subscription(subscription)
    if locked.due_at is None and locked.next_boundary:
        raise ConflictError("The subscription has ended and is billed to its end.")
    project = locked.project
    before = timelines_of(project, [locked.pk])[locked.pk]
    asked = asked_change(locked, before, type=type, given=given, at=at)
    decision = _decision(locked, before, asked, at)
    after = _decided(before, decision)
    _refuse_moved(locked, before, after)
    _refuse_waiting(before, after, decision)
    if asked.meters:
        refuse_shared_meters(locked, after, since=decision.effective_at)
    change = SubscriptionChange.objects.create(
        project=project,
        subscription=locked,
        number=decision.number,
        type=decision.type,
        effective_at=decision.effective_at,
        requested_at=at,
        actor=actor.name,
        reason=reason,
        plan_version=asked.version,
        content=decision.content,
    )
    _follow(locked, after)
    _note_usage(locked, decision)
    record(
        project=project,
        actor=actor,
        action=f"subscription.{type}",
        on=("subscription", locked.external_id),
        at=at,
        reason=reason,
        details={"change": change.number, "effective_at": decision.effective_at.isoformat()},
    )
    if not asked.is_billed_now:
        return Changed(change)
    return Changed(change, _bill(locked, after, change, at=at))


def withdraw_change(
    *, subscription: Subscription, number: int, reason: str, actor: Actor, at: datetime
) -> SubscriptionChange:
    """Take back a change that has not taken effect; it stays on the timeline, with its withdrawal.

    Raises NotFoundError for one that is not there, ConflictError for one that took effect or was
    withdrawn, and where another one needs it.
    """
    locked = lock_subscription(subscription)
    before = timelines_of(locked.project, [locked.pk])[locked.pk]
    change = locked.changes.exclude(type=WITHDRAW).filter(number=number).first()
    if change is None:
        raise NotFoundError("There is no such change of this subscription.")
    if not any(one.number == number for one in before.decisions):
        raise ConflictError("This change is withdrawn already.")
    if change.effective_at <= at or change.type == SubscriptionChange.Type.CREATE:
        raise ConflictError("This change has taken effect: make another one.")
    content = canonical_json({"change": number})
    decision = Decision(before.changes + 1, WITHDRAW.value, at, at, content)
    rows = Invoice.objects.filter(
        project=locked.project,
        operation_key=change_key(locked, number),
        status=Invoice.Status.DRAFT,
    )
    rows.delete()
    SubscriptionChange.objects.create(
        project=locked.project,
        subscription=locked,
        number=decision.number,
        type=WITHDRAW,
        effective_at=at,
        requested_at=at,
        actor=actor.name,
        reason=reason,
        content=content,
    )
    after = timelines_of(locked.project, [locked.pk])[locked.pk]
    try:
        _refuse_moved(locked, before, after)
    except DecisionError as error:
        raise ConflictError(f"Change {error.number} needs it: {error}") from error
    _follow(locked, after)
    record(
        project=locked.project,
        actor=actor,
        action="subscription.change_withdrawn",
        on=("subscription", locked.external_id),
        at=at,
        reason=reason,
        details={"change": number},
    )
    return change


def preview_change(
    *,
    subscription: Subscription,
    type: str,
    given: Mapping[str, Any],
    actor: Actor,
    at: datetime,
) -> list[Computed]:
    """The documents that a change would issue: the one that bills it at once, else the next one of
    the subscription with it, computed as they are when it is there. Nothing is stored.

    Raises what `change_subscription` raises.
    """
    with transaction.atomic():
        changed = change_subscription(
            subscription=subscription,
            type=type,
            given={**given, "invoice": "next"},
            reason="preview",
            actor=actor,
            at=at,
        )
        found = _documents(changed.change, is_now=given.get("invoice") == "now", at=at)
        transaction.set_rollback(True)
    return found


def change_key(subscription: Subscription, number: int) -> str:
    """The operation key of the document of a change that is billed at once."""
    return f"change:{subscription.external_id}:{number}"


def _documents(change: SubscriptionChange, *, is_now: bool, at: datetime) -> list[Computed]:
    subscription = change.subscription
    if not is_now:
        since = change.effective_at
        return first_document(subscription=subscription, since=since, at=at)
    timeline = timelines_of(subscription.project, [subscription.pk])[subscription.pk]
    draft, _ = _draft(subscription, timeline, change, at=at)
    store_drafts([draft])
    found = preview(
        project=subscription.project,
        customer=subscription.customer,
        subscription=subscription,
        as_of=draft.boundary_at,
        at=at,
    )
    # Where a boundary lies at its instant, the document of that has all that is due.
    coming = [one for one in found if one.invoice.boundary_at >= draft.boundary_at]
    own = [one for one in coming if one.invoice.operation_key == draft.operation_key]
    return own or coming[:1]


def _decision(
    subscription: Subscription, timeline: Timeline, asked: Asked, at: datetime
) -> Decision:
    """The decision, which knows whether a boundary at its instant has been drafted."""
    content = dict(asked.content)
    last = subscription.next_boundary - 1
    if last >= 0 and timeline.boundary_at(last) == asked.effective_at:
        content["after_boundary"] = True
    return Decision(
        timeline.changes + 1, asked.type, asked.effective_at, at, canonical_json(content)
    )


def _decided(before: Timeline, decision: Decision) -> Timeline:
    """The timeline with one decision more. Raises ConflictError where it does not fit."""
    after = Timeline.of([*before.decisions, decision])
    try:
        after.stretches  # noqa: B018 - computes all states
    except DecisionError as error:
        if error.number == decision.number:
            raise ConflictError(str(error), pointer=error.pointer) from error
        raise ConflictError(
            f"Change chg_{error.number}, which is scheduled, would not fit any more: {error} "
            "Withdraw it first."
        ) from error
    return after


def _refuse_moved(subscription: Subscription, before: Timeline, after: Timeline) -> None:
    """What was drafted stays: no boundary of it moves, and the end comes after the last one."""
    drafted = subscription.next_boundary
    if after.final is not None and after.final < drafted and before.final != after.final:
        last = before.boundary_at(drafted - 1)
        raise InvalidError(
            f"It was billed up to {last:%Y-%m-%d %H:%M} UTC; it cannot end before that.",
            pointer="/effective_at",
        )
    for number in range(drafted):
        if before.boundary_at(number) != after.boundary_at(number):
            raise InvalidError(
                "Periods that were billed would move: let it take effect after "
                f"{before.boundary_at(drafted - 1):%Y-%m-%d %H:%M} UTC.",
                pointer="/effective_at",
            )


def _refuse_waiting(before: Timeline, after: Timeline, decision: Decision) -> None:
    """Fees cannot wait for a boundary that the decision itself moves."""
    if decision.proration == "none" and len(after.stretches) > len(before.stretches):
        raise InvalidError(
            "Its prices are billed on other periods than those that run: prorate it, or date it to "
            "the end of the period.",
            pointer="/proration",
        )


def _follow(subscription: Subscription, timeline: Timeline) -> None:
    """Let the row say what the timeline does: when it ends, and the next boundary."""
    subscription.end_at = timeline.end_at
    subscription.due_at = timeline.boundary_at(subscription.next_boundary)
    Subscription.objects.filter(pk=subscription.pk).update(
        end_at=subscription.end_at, due_at=subscription.due_at
    )


def _note_usage(subscription: Subscription, decision: Decision) -> None:
    """The periods that were billed before a decision that reaches back into them are looked at
    again.
    """
    rows = Period.objects.filter(
        is_drafted(),
        project=subscription.project_id,
        subscription=subscription,
        end__gt=decision.effective_at,
    )
    if periods := list(rows):
        note_periods(subscription.project, periods, known_bound(subscription.project))


def _draft(
    subscription: Subscription, timeline: Timeline, change: SubscriptionChange, *, at: datetime
) -> tuple[Invoice, bool]:
    """The draft of a change that is billed at once, and whether it waits for the document of the
    boundary before it, with which it is compared.
    """
    instant = max(change.effective_at, at)
    stretch = next(one for one in reversed(timeline.stretches) if one.start <= instant)
    own = stretch.finest.number_at(instant)
    running = stretch.finest.period(own).interval
    draft = draft_of_change(subscription=subscription, change=change, running=running, at=at)
    number = stretch.number + own
    if timeline.final is not None:
        number = min(number, max(timeline.final - 1, 0))
    before = _document_of(subscription, timeline, number, at=at)
    if before is None:
        return draft, False
    draft.due_at = max(draft.due_at, before.due_at)
    return draft, True


def _document_of(
    subscription: Subscription, timeline: Timeline, number: int, *, at: datetime
) -> Invoice | None:
    """The draft of a boundary, as it stands or as it will be opened; None once it was issued."""
    drafts = Invoice.objects.filter(
        project=subscription.project_id,
        subscription=subscription,
        status=Invoice.Status.DRAFT,
        boundary__lte=number,
    )
    if (standing := drafts.order_by("-due_at").first()) is not None:
        return standing
    if number < subscription.next_boundary:
        return None
    project = subscription.project
    keys = set(turn_keys(subscription.pk, timeline, number))
    turn = turn_at(
        project,
        timeline,
        number,
        subscription=subscription.pk,
        stored=stored_periods(project, keys),
    )
    return draft_of_boundary(project=project, subscription=subscription, turn=turn, created_at=at)


def _bill(
    subscription: Subscription, timeline: Timeline, change: SubscriptionChange, *, at: datetime
) -> Invoice | None:
    """Bill a change at once, or draft what a run will bill: when it takes effect, and once the
    boundary before it is billed.
    """
    draft, waits = _draft(subscription, timeline, change, at=at)
    rows = store_drafts([draft])
    if waits or draft.due_at > at:
        return None
    bound = known_bound(subscription.project)
    done = finalize_drafts(project=subscription.project, drafts=rows, bound=bound, run=None, at=at)
    return done.issued[0] if done.issued else None
