"""Failed events: why they failed, what became of them, and the acts that mend them."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    DropdownFilter,
)
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action

from ingest.admin.failed_dialogs import (
    DISCARD,
    MAX_AT_ONCE,
    MEND,
    REOPEN,
    RESUBMIT,
    RESUBMIT_LISTED,
    FailedForm,
    ListedForm,
    MendForm,
    listed_open,
    readable,
)
from ingest.errors import StillFailingError
from ingest.models import FailedEvent
from ingest.selectors.failed import decisions_on, fault_pointer, sent_body
from ingest.services.resubmission import (
    Resubmitted,
    discard_failed,
    reopen_failed,
    resubmit_failed,
)
from neruba import clock
from neruba.actor import Actor
from neruba.admin.base import InstantRangeFilter
from neruba.admin.dialogs import act, operator
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    label,
    link_to,
    page_of,
    whole,
)
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import AuditRecord, Customer

State = FailedEvent.State
STATES = {State.OPEN: "warning", State.RESUBMITTED: "success", State.DISCARDED: "plain"}
ACTS_IN = {
    State.OPEN: {"mend", "resubmit", "discard"},
    State.RESUBMITTED: set[str](),
    State.DISCARDED: {"reopen"},
}
ALL = "all"
MAY_RESUBMIT = ["ingest.resubmit_failedevent"]
MAY_DISCARD = ["ingest.discard_failedevent"]
MAX_WORDS = 160
MAX_SHOWN = 100_000
ROWS_A_QUERY = 100


class StateFilter(DropdownFilter):
    """The list is one of work to do: it shows the open ones unless it is asked for others."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(
        self, _request: HttpRequest, _model_admin: admin.ModelAdmin[FailedEvent]
    ) -> list[tuple[str, str]]:
        return [*((str(state.value), str(state.label)) for state in State), (ALL, "All")]

    def value(self) -> str:
        return super().value() or State.OPEN.value

    def queryset(self, _request: HttpRequest, rows: QuerySet[FailedEvent]) -> QuerySet[FailedEvent]:
        return rows if self.value() == ALL else rows.filter(state=self.value())


@admin.register(FailedEvent)
class FailedEventAdmin(PageAdmin):
    change_form_template = "ingest/failed_event.html"
    list_display = [
        "why",
        "fault",
        "event_id",
        "subject",
        "came",
        "last_seen_at",
        "stands",
    ]
    list_filter = [
        StateFilter,
        "code",
        ("last_seen_at", InstantRangeFilter),
    ]
    list_select_related = ["project"]
    ordering = ["-last_seen_at", "-id"]
    search_fields = ["event_id__exact", "subject__startswith", "detail"]
    search_help_text = "An event id, the beginning of a subject, or words of the reason"
    actions_list = ["resubmit_listed"]
    actions_detail = ["mend", "resubmit", "discard", "reopen"]

    @admin.display(description="Why it failed", ordering="detail")
    def why(self, failed: FailedEvent) -> str:
        words = failed.detail
        return words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}…"

    @admin.display(description="Fault", ordering="code")
    def fault(self, failed: FailedEvent) -> str:
        return whole(code(failed.code))

    @admin.display(description="Came", ordering="count")
    def came(self, failed: FailedEvent) -> str:
        return whole(times(failed.count))

    @admin.display(description="State", ordering="state")
    def stands(self, failed: FailedEvent) -> str:
        return state_label(failed)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """Those that its state allows; the services refuse the others all the same."""
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        failed = self.get_object(request, str(object_id))
        fitting = set() if failed is None else ACTS_IN[State(failed.state)]
        return [each for each in found if each.method.original_function_name in fitting]

    @action(description="Mend and resubmit", permissions=MAY_RESUBMIT, icon="build", dialog=MEND)
    def mend(self, request: HttpRequest, form: MendForm, object_id: str) -> HttpResponse:
        return _resubmit(request, form, MEND, event=form.cleaned_data["event"])

    @action(
        description="Resubmit as it is", permissions=MAY_RESUBMIT, icon="replay", dialog=RESUBMIT
    )
    def resubmit(self, request: HttpRequest, form: FailedForm, object_id: str) -> HttpResponse:
        return _resubmit(request, form, RESUBMIT, event=None)

    @action(description="Discard", permissions=MAY_DISCARD, icon="delete", dialog=DISCARD)
    def discard(self, request: HttpRequest, form: FailedForm, object_id: str) -> HttpResponse:
        return _decide(request, form, DISCARD, discard_failed, "It is discarded.")

    @action(description="Reopen", permissions=MAY_DISCARD, icon="undo", dialog=REOPEN)
    def reopen(self, request: HttpRequest, form: FailedForm, object_id: str) -> HttpResponse:
        return _decide(request, form, REOPEN, reopen_failed, "It is open again.")

    @action(
        description="Resubmit the open ones",
        permissions=MAY_RESUBMIT,
        icon="replay",
        dialog=RESUBMIT_LISTED,
    )
    def resubmit_listed(self, request: HttpRequest, form: ListedForm) -> HttpResponse:
        query = form.cleaned_data["query"]
        pks = list(listed_open(request, query).values_list("pk", flat=True)[:MAX_AT_ONCE])
        counts = _resubmit_each(pks, actor=operator(request), reason=form.cleaned_data["reason"])
        taken = counts["accepted"] + counts["duplicate"]
        level = messages.SUCCESS if taken == len(pks) else messages.WARNING
        messages.add_message(request, level, _told(counts))
        listed = reverse("admin:ingest_failedevent_changelist")
        return HttpResponse(headers={"HX-Redirect": f"{listed}?{query}"})

    def page(self, request: HttpRequest, row: FailedEvent) -> Page:
        body = sent_body(row)
        shown = readable(row.body)
        customers = Customer.objects.filter(project=row.project, external_id=row.subject)
        return Page(
            banners=_banners(row, body),
            headlines=[
                Headline("State", state_label(row), _became(row)),
                Headline("Came", times(row.count), f"last {instant(row.last_seen_at)}"),
                Headline("Fault", row.code, row.detail),
            ],
            facts=[
                Fact("Fault at", code(fault_pointer(body, row.detail)) or "the body as a whole"),
                Fact("Project", link_to(row.project)),
                Fact("Event id", code(row.event_id)),
                Fact("Source", code(row.source)),
                Fact("Type", code(row.type)),
                Fact("Subject", link_to(customers.first()) or row.subject),
                Fact("First came", instant(row.first_seen_at)),
                Fact("Last came", instant(row.last_seen_at)),
            ],
            tables=[_decision_table(row)],
            more={"body": shown[:MAX_SHOWN], "body_is_cut": len(shown) > MAX_SHOWN},
        )


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def state_label(failed: FailedEvent) -> str:
    return label(str(failed.get_state_display()), STATES[State(failed.state)])


def _resubmit(
    request: HttpRequest, form: FailedForm, dialog: ActionDialog, *, event: Any
) -> HttpResponse:
    def done(result: Resubmitted) -> str:
        if result.is_duplicate:
            return f"A duplicate: event {result.event} was accepted before. Nothing counts twice."
        return f"It was accepted as event {result.event}."

    return act(
        request,
        form=form,
        dialog=dialog,
        work=partial(
            resubmit_failed,
            failed=form.row,
            event=event,
            actor=operator(request),
            reason=form.cleaned_data["reason"],
            at=clock.now(form.row.project),
        ),
        done=done,
        then=page_of(form.row),
    )


def _decide(
    request: HttpRequest,
    form: FailedForm,
    dialog: ActionDialog,
    decide: Callable[..., FailedEvent],
    words: str,
) -> HttpResponse:
    return act(
        request,
        form=form,
        dialog=dialog,
        work=partial(
            decide,
            failed=form.row,
            actor=operator(request),
            reason=form.cleaned_data["reason"],
            at=clock.now(form.row.project),
        ),
        done=lambda _failed: words,
        then=page_of(form.row),
    )


def _resubmit_each(pks: Sequence[int], *, actor: Actor, reason: str) -> Counter[str]:
    """Resubmit each by itself; how many were accepted, duplicates, and refused with which code."""
    counts = Counter[str]()
    for first in range(0, len(pks), ROWS_A_QUERY):
        rows = FailedEvent.objects.filter(pk__in=pks[first : first + ROWS_A_QUERY])
        for failed in rows.select_related("project").order_by("pk"):
            work = partial(
                resubmit_failed,
                failed=failed,
                event=None,
                actor=actor,
                reason=reason,
                at=clock.now(failed.project),
            )
            try:
                done = run_atomic(work)
            except StillFailingError as error:
                counts[error.params["fault"]] += 1
            except NerubaError as error:
                counts[error.code] += 1
            else:
                counts["duplicate" if done.is_duplicate else "accepted"] += 1
    return counts


def _told(counts: Counter[str]) -> str:
    """What became of many, for people."""
    refused = sorted(counts.keys() - {"accepted", "duplicate"})
    words = [f"accepted {counts['accepted']:,}", f"duplicates {counts['duplicate']:,}"]
    if refused:
        number = sum(counts[name] for name in refused)
        by_code = ", ".join(f"{name} {counts[name]:,}" for name in refused)
        words.append(f"refused {number:,} ({by_code})")
    return f"Sent again: {', '.join(words)}."


def _banners(failed: FailedEvent, body: object) -> list[Banner]:
    if failed.state != State.OPEN or not isinstance(body, dict) or body.get("time") is not None:
        return []
    words = (
        "It names no time. Resubmitted as it is, it counts at the moment when it is accepted, not "
        f"when it first came ({instant(failed.first_seen_at)})."
    )
    return [Banner("warning", words)]


def _became(failed: FailedEvent) -> SafeString | str:
    if failed.resubmitted_as is None:
        return ""
    return format_html("as event {}", link_to(failed.resubmitted_as))


def _decision_table(failed: FailedEvent) -> Table:
    return Table(
        title="What became of it",
        columns=("When", "By", "What", "Why"),
        rows=[
            (link_to(one, instant(one.at)), one.actor, _act_words(one), one.reason)
            for one in decisions_on(failed)
        ],
        empty="Nobody has decided on it yet.",
    )


def _act_words(decision: AuditRecord) -> str:
    """The act, and of a resubmission whether it was mended and what came of it."""
    words = decision.action.partition(".")[2]
    details = json.loads(decision.details)
    if not details:
        return words
    how = "mended" if details["mended"] == "yes" else "as it was"
    return f"{words} {how}: {details['outcome']}"
