"""The dialogs in which people decide on failed events."""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Count, QuerySet
from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ParseError
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminTextareaWidget

from ingest.models import FailedEvent
from neruba.admin.dialogs import ReasonForm, RowForm
from neruba.api.parsers import decode_json

MAX_AT_ONCE = 1000
ROWS = 18
# What msgspec says of a text that is no JSON.
MALFORMED = re.compile(
    r"JSON is malformed: (?P<fault>.*) \(byte (?P<end>\d+)\)|Input data was truncated"
)


def readable(text: str) -> str:
    """JSON over several lines; numbers and letters stay as they are written."""
    return msgspec.json.format(text, indent=2)


class FailedForm(RowForm[FailedEvent]):
    """A decision on a failed event."""

    rows = FailedEvent.objects.select_related("project")


class MendForm(FailedForm):
    event = forms.CharField(
        label="Event, as JSON",
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": ROWS, "class": "n-json", "spellcheck": "false", "autocomplete": "off"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["event"].initial = readable(self.row.body)

    def clean_event(self) -> Mapping[str, object]:
        """Read as the API reads a body: numbers exact, nothing that is not JSON."""
        text = self.cleaned_data["event"]
        try:
            event = decode_json(text.encode())
        except ParseError as error:
            raise forms.ValidationError(_syntax_error(text, error)) from error
        if not isinstance(event, dict):
            raise forms.ValidationError("An event is a JSON object.")
        return event


def _syntax_error(text: str, error: ParseError) -> str:
    """Where the text stops being JSON, by line and column, which the decoder counts in bytes."""
    found = MALFORMED.fullmatch(str(error.__cause__))
    if found is None:
        return str(error.detail)  # JSON, but with a number beyond all bounds or too deep
    raw = text.encode()
    end = int(found["end"] or len(raw))
    if found["fault"] == "trailing characters":
        end -= 1  # it has read the first of them
    before = raw[:end].decode(errors="ignore")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    fault = found["fault"] or "it ends too early"
    return f"This is not JSON: {fault}, in line {line}, column {column}."


class ListedForm(ReasonForm):
    """A decision on the open ones of the list, as it is filtered and searched where the dialog is
    opened.
    """

    form_before_template = "ingest/listed_failed.html"
    query = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # htmx names the page; the field carries it on, so that what is shown is what is done.
        page = urlsplit(self.request.headers.get("HX-Current-URL", ""))
        self.fields["query"].initial = page.query

    def clean_query(self) -> str:
        query: str = self.cleaned_data["query"]
        try:
            listed_open(self.request, query)
        except IncorrectLookupParameters as error:
            raise forms.ValidationError("The list cannot be filtered like this.") from error
        return query

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """How many there are, by fault."""
        query = self["query"].value() or ""
        try:
            rows = listed_open(request, query)
        except IncorrectLookupParameters:
            return {"total": 0}
        counts = rows.order_by("code").values_list("code").annotate(number=Count("pk"))
        by_code = list(counts)
        return {
            "total": sum(number for _, number in by_code),
            "counts": by_code,
            "limit": MAX_AT_ONCE,
        }


def listed_open(request: HttpRequest, query: str) -> QuerySet[FailedEvent]:
    """The open ones of the list with these filters, the first to come first. Raises
    IncorrectLookupParameters where no list has them.
    """
    asked = copy(request)
    asked.GET = QueryDict(query)
    listed = admin.site.get_model_admin(FailedEvent).get_changelist_instance(asked)
    rows: QuerySet[FailedEvent] = listed.get_queryset(asked)
    return rows.filter(state=FailedEvent.State.OPEN).order_by("pk")


MEND: ActionDialog = {
    "title": "Mend and resubmit",
    "description": (
        "What is sent here is accepted by the same rules as over the API, and counts for the "
        "customer's usage from then on. The failed event stays as it came, as a record."
    ),
    "form_class": MendForm,
    "form_submit_text": "Resubmit",
}
RESUBMIT: ActionDialog = {
    "title": "Resubmit as it is",
    "description": (
        "For when the fault was on this side: a meter that was changed, a clock that has moved "
        "on. It is sent as it came; if it still fails, nothing changes."
    ),
    "form_class": FailedForm,
    "form_submit_text": "Resubmit",
}
DISCARD: ActionDialog = {
    "title": "Discard",
    "description": (
        "It will not be sent again, and leaves the list of open ones. It stays readable, and can "
        "be reopened."
    ),
    "form_class": FailedForm,
    "form_submit_text": "Discard",
}
REOPEN: ActionDialog = {
    "title": "Reopen",
    "description": "It goes back to the open ones, to be mended or resubmitted.",
    "form_class": FailedForm,
    "form_submit_text": "Reopen",
}
RESUBMIT_LISTED: ActionDialog = {
    "title": "Resubmit the open ones of this list",
    "description": (
        "Each is sent as it came, by itself: what is accepted now counts, what still fails stays "
        "as it is."
    ),
    "form_class": ListedForm,
    "form_submit_text": "Resubmit",
}
