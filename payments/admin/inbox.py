"""Received webhooks: what came, what it did, why it failed; and the acts that try again."""

import json
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
)
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action

from neruba import clock
from neruba.admin.base import InstantRangeFilter
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    Text,
    code,
    instant,
    link_to,
    list_of,
    page_of,
    pretty,
    whole,
)
from neruba.backoff import MAX_ATTEMPTS
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.nudge import nudge
from payments.admin.words import state_label
from payments.models import CheckoutSession, Payment, ProviderEvent, ProviderEventWork
from payments.services.inbox import replay_event
from payments.tasks import work_on_due_events

State = ProviderEventWork.State
MAY_REPLAY = ["payments.change_providereventwork"]
MAX_AT_ONCE = 1000
MAX_SHOWN = 100_000
MAX_SUBJECT = 32


class ReplayForm(RowForm[ProviderEventWork]):
    rows = ProviderEventWork.objects.select_related("project", "event")


REPLAY: ActionDialog = {
    "title": "Work on this webhook again",
    "description": (
        "The provider is asked how the object stands now, and what is not posted yet is posted. "
        "What was posted before is not posted again."
    ),
    "form_class": ReplayForm,
    "form_submit_text": "Replay",
}
REPLAY_DEAD: ActionDialog = {
    "title": "Work on all dead webhooks again",
    "description": (
        f"Every dead webhook of this project, the oldest {MAX_AT_ONCE:,} of them, is tried again "
        "with all its attempts before it. For when one cause, which is mended, killed many."
    ),
    "form_class": ReasonForm,
    "form_submit_text": "Replay all",
}


def shown_body(body: bytes | memoryview) -> str:
    """A payload to be read; as it came where it is no JSON."""
    text = bytes(body).decode(errors="replace")
    try:
        text = pretty(json.loads(text))
    except ValueError:
        return text[:MAX_SHOWN]
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}\n…"


@admin.register(ProviderEventWork)
class WebhookAdmin(PageAdmin):
    list_display = ["type", "stands", "about", "attempts", "due", "why", "received_at"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        "type",
        ("received_at", InstantRangeFilter),
    ]
    list_select_related = ["project", "event"]
    search_fields = ["event__event_id__exact", "event__object_id__exact", "subject__exact"]
    search_help_text = "The provider's id of an event, or of what it is about"
    actions_list = ["replay_dead"]
    actions_detail = ["replay"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEventWork]:
        rows: QuerySet[ProviderEventWork] = super().get_queryset(request)
        return rows.select_related("project", "event")

    @admin.display(description="State", ordering="state")
    def stands(self, work: ProviderEventWork) -> str:
        return state_label(work.state, work.get_state_display())

    @admin.display(description="About", ordering="subject")
    def about(self, work: ProviderEventWork) -> str:
        # Sessions have names of 66 characters.
        long = len(work.subject) > MAX_SUBJECT
        return whole(f"{work.subject[:MAX_SUBJECT]}…" if long else work.subject)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """Replaying what is over is refused by the service; it is not offered either."""
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        work = self.get_object(request, str(object_id))
        return found if work is not None and work.state in (State.DEAD, State.WAITING) else []

    @admin.display(description="Next try")
    def due(self, work: ProviderEventWork) -> str:
        if work.state != State.WAITING:
            return ""
        return instant(work.due_at) or "at once"

    @admin.display(description="Cause")
    def why(self, work: ProviderEventWork) -> str:
        return work.cause[:120]

    @action(description="Replay", permissions=MAY_REPLAY, icon="replay", dialog=REPLAY)
    def replay(self, request: HttpRequest, form: ReplayForm, object_id: str) -> HttpResponse:
        work = form.row

        def again() -> ProviderEventWork:
            replayed = replay_event(
                work=work,
                reason=form.cleaned_data["reason"],
                actor=operator(request),
                at=clock.now(work.project),
            )
            nudge(work_on_due_events)
            return replayed

        return act(
            request,
            form=form,
            dialog=REPLAY,
            work=again,
            done=lambda _work: "The webhook is worked on again.",
            then=page_of(work),
        )

    @action(
        description="Replay the dead ones",
        permissions=MAY_REPLAY,
        icon="replay",
        dialog=REPLAY_DEAD,
    )
    def replay_dead(self, request: HttpRequest, form: ReasonForm) -> HttpResponse:
        dead = ProviderEventWork.objects.filter(project=form.project, state=State.DEAD)
        counts = {"replayed": 0, "refused": 0}
        for work in list(dead.order_by("pk")[:MAX_AT_ONCE]):
            again = partial(
                replay_event,
                work=work,
                reason=form.cleaned_data["reason"],
                actor=operator(request),
                at=clock.now(form.project),
            )
            try:
                run_atomic(again)
                counts["replayed"] += 1
            except NerubaError:
                counts["refused"] += 1  # somebody else was there first
        nudge(work_on_due_events)
        messages.success(request, f"{counts['replayed']:,} webhooks are worked on again.")
        listed = reverse("admin:payments_providereventwork_changelist")
        return HttpResponse(headers={"HX-Redirect": listed})

    def page(self, request: HttpRequest, row: ProviderEventWork) -> Page:
        event = row.event
        dead = f"It failed {row.attempts} times and is tried no more. Mend the cause, then replay."
        did = [(words,) for words in json.loads(row.outcome)]
        return Page(
            banners=[Banner("error", dead)] if row.state == State.DEAD else [],
            headlines=[
                Headline("State", self.stands(row), instant(row.done_at)),
                Headline("Attempts", f"{row.attempts} of {MAX_ATTEMPTS}", self.due(row)),
            ],
            facts=[
                Fact("Type", row.type),
                Fact("Event", code(event.event_id)),
                Fact("About", code(event.object_id)),
                Fact("Worked on as", code(row.subject) or "nothing follows from it"),
                Fact("Project", link_to(row.project)),
                Fact("Happened", instant(event.created_at)),
                Fact("Received", instant(row.received_at)),
                Fact("Version of the provider's API", event.api_version),
                Fact("Cause of the last failure", row.cause),
                Fact("Receipt", link_to(event)),
                *_linked(row),
            ],
            tables=[
                Table(
                    title="What it did",
                    columns=["What"],
                    rows=did,
                    empty="Nothing: what it tells of was known, or moves no money.",
                )
            ],
            texts=[
                Text("Payload", shown_body(event.body)),
                *([Text("Trace", row.trace)] if row.trace else []),
            ],
        )


def _linked(row: ProviderEventWork) -> list[Fact]:
    """The rows here that it was about."""
    if not row.subject:
        return []
    payments = Payment.objects.filter(project=row.project, provider_id=row.subject)
    sessions = CheckoutSession.objects.filter(project=row.project, provider_id=row.subject)
    same: Any = list_of(ProviderEventWork, "all webhooks about it", subject__exact=row.subject)
    return [
        Fact("Payment", link_to(payments.first())),
        Fact("Checkout session", link_to(sessions.first())),
        Fact("See also", same),
    ]


@admin.register(ProviderEvent)
class ProviderEventAdmin(PageAdmin):
    list_display = ["event_id", "type", "object_id", "created_at", "received_at"]
    list_filter = [("received_at", InstantRangeFilter)]
    list_select_related = ["project"]
    search_fields = ["event_id__exact", "subject__exact"]
    search_help_text = "The provider's id of an event, or of what it is about"

    def page(self, request: HttpRequest, row: ProviderEvent) -> Page:
        work = ProviderEventWork.objects.filter(event=row).select_related("event").first()
        return Page(
            facts=[
                Fact("Event", code(row.event_id)),
                Fact("Type", row.type),
                Fact("About", code(row.object_id)),
                Fact("Provider", row.provider),
                Fact("Project", link_to(row.project)),
                Fact("Happened", instant(row.created_at)),
                Fact("Received", instant(row.received_at)),
                Fact("What became of it", link_to(work)),
            ],
            texts=[Text("As it came", bytes(row.body).decode(errors="replace")[:MAX_SHOWN])],
        )
