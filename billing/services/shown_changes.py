"""A change of a subscription that somebody was shown before they confirmed it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.errors import OvertakenError
from billing.locks import lock_subscription
from billing.models import Subscription
from billing.rating.decisions import Decision, State
from billing.selectors.asked_changes import asked_change
from billing.selectors.contents import Computed
from billing.selectors.documents import Document, documents_of_computed
from billing.selectors.previews import first_document
from billing.selectors.timelines import timelines_of
from billing.services.changes import (
    Changed,
    change_subscription,
    preview_change,
    withdraw_change,
)
from neruba.actor import Actor
from neruba.canonical import canonical_json


@dataclass(frozen=True, slots=True)
class ShownChange:
    """What a change does: the decision, the state that it meets, the documents that would bill it,
    and what the next one would be without it.
    """

    decision: Decision
    before: State
    documents: Sequence[Document]
    without: Sequence[Document]

    @property
    def hashes(self) -> list[str]:
        return [one.content_hash for one in self.documents]


def show_change(
    *,
    subscription: Subscription,
    type: str,
    given: Mapping[str, Any],
    actor: Actor,
    at: datetime,
) -> ShownChange:
    """What `change_subscription` would do, which raises what this raises. Nothing is stored."""
    found = preview_change(subscription=subscription, type=type, given=given, actor=actor, at=at)
    timeline = timelines_of(subscription.project, [subscription.pk])[subscription.pk]
    asked = asked_change(subscription, timeline, type=type, given=given, at=at)
    decision = Decision(
        timeline.changes + 1, type, asked.effective_at, at, canonical_json(dict(asked.content))
    )
    without: Sequence[Computed] = ()
    if not asked.is_billed_now:
        without = first_document(subscription=subscription, since=asked.effective_at, at=at)
    return ShownChange(
        decision,
        timeline.state_at(asked.effective_at),
        documents_of_computed(subscription.project, found),
        documents_of_computed(subscription.project, without),
    )


def show_withdrawal(
    *, subscription: Subscription, number: int, actor: Actor, at: datetime
) -> list[Document]:
    """The next document of a subscription once a scheduled change was withdrawn; raises what
    `withdraw_change` raises. Nothing is stored.
    """
    with transaction.atomic():
        withdraw_change(
            subscription=subscription, number=number, reason="preview", actor=actor, at=at
        )
        fresh = Subscription.objects.select_related("project", "customer").get(pk=subscription.pk)
        found = first_document(subscription=fresh, since=at, at=at)
        transaction.set_rollback(True)
    return documents_of_computed(subscription.project, found)


def change_as_shown(
    *,
    subscription: Subscription,
    type: str,
    given: Mapping[str, Any],
    shown: Sequence[str],
    reason: str,
    actor: Actor,
    at: datetime,
) -> Changed:
    """Do what was shown, whose documents had the content hashes `shown`.

    Raises OvertakenError where it would do something else by now, and what `change_subscription`
    raises.
    """
    lock_subscription(subscription)
    found = preview_change(subscription=subscription, type=type, given=given, actor=actor, at=at)
    documents = documents_of_computed(subscription.project, found)
    if [one.content_hash for one in documents] != list(shown):
        raise OvertakenError("Something came in between: it would do something else by now.")
    return change_subscription(
        subscription=subscription, type=type, given=given, reason=reason, actor=actor, at=at
    )
