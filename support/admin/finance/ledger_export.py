"""The books as a file for Beancount, hledger or a spreadsheet."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ledger.export.formats import FORMATS
from ledger.selectors.export import export_chunks
from neruba import clock
from neruba.admin.dialogs import MAX_REASON
from neruba.downloads import attachment
from neruba.period import local_midnight
from support.admin.finance.report import ReportView, day_field

NAMES = {"beancount": "Beancount", "hledger": "hledger", "csv": "CSV, a row for each transfer"}


class ExportForm(forms.Form):
    """Which days, for which program, and why: the books leave as a whole."""

    form = forms.ChoiceField(
        label="Format",
        choices=[(name, NAMES[name]) for name in FORMATS],
        widget=forms.Select(attrs={"class": "n-input"}),
    )
    first = day_field("From the beginning of")
    last = day_field("To the end of")
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON,
        widget=forms.TextInput(attrs={"class": "n-input"}),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if first and last and last < first:
            raise forms.ValidationError("The last day is before the first.")
        return given


class LedgerExportPage(ReportView):
    title = "Export of the ledger"
    code = "ledger"
    permissions = (*ReportView.permissions, "ledger.view_journalentry")
    form_class = ExportForm
    template = "support/ledger_export.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(ExportForm(), {})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = ExportForm(request.POST)
        if not form.is_valid():
            return self.page(form, {}, status=400)
        given = form.cleaned_data
        since = self._midnight(given["first"])
        to = self._midnight(given["last"] and given["last"] + timedelta(days=1))
        days = {name: str(given[name]) for name in ("first", "last") if given[name]}
        at, kind = clock.now(self.project), FORMATS[given["form"]]
        self.note({"format": given["form"], **days}, at=at, reason=given["reason"])
        return attachment(
            export_chunks(self.project, given["form"], since=since, to=to),
            media_type=kind.media_type,
            name=f"{self.project.slug}-ledger.{kind.suffix}",
        )

    def _midnight(self, on: Any) -> datetime | None:
        return local_midnight(on, self.project.timezone) if on else None
