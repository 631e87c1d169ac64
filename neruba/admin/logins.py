"""Failed logins, for superusers: who is locked out, and the act that lifts it."""

from functools import partial

from axes.models import AccessAttempt, AccessFailureLog
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action

from neruba import clock
from neruba.admin.base import InstantRangeFilter
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, label, list_address, list_of
from neruba.logins import locked_until
from neruba.services.logins import unlock


class UnlockForm(RowForm[AccessAttempt]):
    rows = AccessAttempt.objects.all()
    project_path = None


UNLOCK: ActionDialog = {
    "title": "Unlock",
    "description": (
        "Failed logins with this e-mail address from this network address are forgotten, and its "
        "next login is looked at again."
    ),
    "form_class": UnlockForm,
    "form_submit_text": "Unlock",
}


@admin.register(AccessAttempt)
class AccessAttemptAdmin(PageAdmin):
    """Failures that count at this moment: those of the last minutes, by address and browser."""

    project_path = None
    list_display = ["username", "ip_address", "failures_since_start", "state", "attempt_time"]
    ordering = ["-attempt_time"]
    search_fields = ["username__startswith", "ip_address__startswith"]
    search_help_text = "The beginning of an e-mail address or a network address"
    actions_detail = ["unlock"]

    @admin.display(description="State")
    def state(self, attempt: AccessAttempt) -> str:
        until = locked_until(attempt.username, attempt.ip_address)
        if until is None:
            return label("not locked", "plain")
        return label(f"locked until {instant(until)}", "error")

    @action(
        description="Unlock",
        permissions=["axes.delete_accessattempt"],
        icon="lock_open",
        dialog=UNLOCK,
    )
    def unlock(self, request: HttpRequest, form: UnlockForm, object_id: str) -> HttpResponse:
        work = partial(
            unlock,
            name=form.row.username,
            address=form.row.ip_address,
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            wall=clock.wall(),
        )
        return act(
            request,
            form=form,
            dialog=UNLOCK,
            work=work,
            done=lambda _count: f"{form.row.username} may log in again from there.",
            then=list_address(AccessAttempt),
        )

    def page(self, request: HttpRequest, row: AccessAttempt) -> Page:
        return Page(
            facts=[
                Fact("E-mail", row.username),
                Fact("From", code(row.ip_address)),
                Fact("Browser", row.user_agent),
                Fact("State", self.state(row)),
                Fact("Failures", row.failures_since_start),
                Fact("Last", instant(row.attempt_time)),
                Fact("All", list_of(AccessFailureLog, "its failed logins", q=row.username)),
            ]
        )


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(PageAdmin):
    """All failed logins, for 90 days."""

    project_path = None
    list_display = ["attempt_time", "username", "ip_address", "locked_out", "path_info"]
    list_filter = ["locked_out", ("attempt_time", InstantRangeFilter)]
    ordering = ["-attempt_time"]
    search_fields = ["username__startswith", "ip_address__startswith"]
    search_help_text = "The beginning of an e-mail address or a network address"

    def page(self, request: HttpRequest, row: AccessFailureLog) -> Page:
        return Page(
            facts=[
                Fact("E-mail", row.username),
                Fact("From", code(row.ip_address)),
                Fact("Browser", row.user_agent),
                Fact("At", instant(row.attempt_time)),
                Fact("Address asked for", row.path_info),
                Fact("Began a lock", "yes" if row.locked_out else ""),
            ]
        )
