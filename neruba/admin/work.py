"""Work in the background: who holds what, and news that waits."""

import json
from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import ActionDialog
from unfold.decorators import action

from neruba import clock
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import (
    Banner,
    Fact,
    Page,
    PageAdmin,
    code,
    instant,
    label,
    link_to,
    list_address,
    page_of,
    pretty,
)
from neruba.backoff import MAX_ATTEMPTS
from neruba.models import Lease, OutboxMessage
from neruba.nudge import nudge
from neruba.services.leases import free_lease
from neruba.services.outbox import replay_message
from neruba.tasks import deliver_due

STATES = {
    OutboxMessage.State.WAITING: "info",
    OutboxMessage.State.DONE: "success",
    OutboxMessage.State.DEAD: "error",
}


class ReleaseForm(RowForm[Lease]):
    rows = Lease.objects.select_related("project")


RELEASE: ActionDialog = {
    "title": "Release this lease",
    "description": (
        "The work goes to the next worker that asks for it. The present holder, if it is still "
        "alive, is refused at its next step: nothing is done twice. An expired lease is taken over "
        "without this."
    ),
    "form_class": ReleaseForm,
    "form_submit_text": "Release",
}


@admin.register(Lease)
class LeaseAdmin(PageAdmin):
    list_display = ["name", "state", "owner", "taken_at", "heartbeat_at", "expires_at"]
    list_select_related = ["project"]
    search_fields = ["name__startswith", "owner__startswith"]
    search_help_text = "The beginning of what is held, or of a holder"
    actions_detail = ["release"]

    @admin.display(description="State")
    def state(self, lease: Lease) -> str:
        if lease.expires_at > clock.wall():
            return label("held", "success")
        return label("expired", "warning")

    @action(
        description="Release",
        permissions=["neruba.delete_lease"],
        icon="lock_open",
        dialog=RELEASE,
    )
    def release(self, request: HttpRequest, form: ReleaseForm, object_id: str) -> HttpResponse:
        lease = form.row
        work = partial(
            free_lease,
            project=lease.project,
            name=lease.name,
            token=lease.token,
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            at=clock.now(lease.project),
        )
        return act(
            request,
            form=form,
            dialog=RELEASE,
            work=work,
            done=lambda _none: f"{lease.name} is released.",
            then=list_address(Lease),
        )

    def page(self, request: HttpRequest, row: Lease) -> Page:
        expired = row.expires_at <= clock.wall()
        words = "Its holder was not heard of: the next worker takes it over, or a sweep removes it."
        return Page(
            banners=[Banner("warning", words)] if expired else [],
            facts=[
                Fact("Work", row.name),
                Fact("Project", link_to(row.project)),
                Fact("State", self.state(row)),
                Fact("Holder", row.owner),
                Fact("Taken", instant(row.taken_at)),
                Fact("Last sign of life", instant(row.heartbeat_at)),
                Fact("Expires", instant(row.expires_at)),
            ],
        )


class ReplayForm(RowForm[OutboxMessage]):
    rows = OutboxMessage.objects.select_related("project")


REPLAY: ActionDialog = {
    "title": "Try this message again",
    "description": "It is handed to its handler once more, with all its attempts before it.",
    "form_class": ReplayForm,
    "form_submit_text": "Try again",
}


@admin.register(OutboxMessage)
class OutboxMessageAdmin(PageAdmin):
    list_display = [
        "topic",
        "key",
        "handler",
        "stands",
        "attempts",
        "due",
        "recorded_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter), "topic"]
    list_select_related = ["project"]
    search_fields = ["key__startswith"]
    search_help_text = "The beginning of what the news is about"
    actions_detail = ["replay"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxMessage]:
        rows: QuerySet[OutboxMessage] = super().get_queryset(request)
        return rows.select_related("project")

    @admin.display(description="State")
    def stands(self, message: OutboxMessage) -> str:
        return label(message.state, STATES[OutboxMessage.State(message.state)])

    @admin.display(description="Next try")
    def due(self, message: OutboxMessage) -> str:
        if message.state != OutboxMessage.State.WAITING:
            return ""
        return instant(message.due_at) or "at once"

    @action(
        description="Try again",
        permissions=["neruba.change_outboxmessage"],
        icon="replay",
        dialog=REPLAY,
    )
    def replay(self, request: HttpRequest, form: ReplayForm, object_id: str) -> HttpResponse:
        message = form.row

        def work() -> OutboxMessage:
            replayed = replay_message(
                message=message,
                reason=form.cleaned_data["reason"],
                actor=operator(request),
                at=clock.now(message.project),
            )
            nudge(deliver_due)
            return replayed

        return act(
            request,
            form=form,
            dialog=REPLAY,
            work=work,
            done=lambda _message: "The message is tried again.",
            then=page_of(message),
        )

    def page(self, request: HttpRequest, row: OutboxMessage) -> Page:
        dead = (
            f"It failed {row.attempts} times and is tried no more. Mend the cause, then try again."
        )
        return Page(
            banners=[Banner("error", dead)] if row.state == OutboxMessage.State.DEAD else [],
            facts=[
                Fact("Topic", row.topic),
                Fact("About", row.key),
                Fact("Handler", row.handler),
                Fact("Project", link_to(row.project)),
                Fact("State", self.stands(row)),
                Fact("Attempts", f"{row.attempts} of {MAX_ATTEMPTS}"),
                Fact("Next try", self.due(row)),
                Fact("Cause of the last failure", row.cause),
                Fact("Recorded", instant(row.recorded_at)),
                Fact("Done", instant(row.done_at)),
                Fact("News", code(pretty(json.loads(row.payload)))),
            ],
        )
