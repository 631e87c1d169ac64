"""A report: a form of filters, tables with their totals, and the same rows as CSV and XLSX.

A further report is a subclass that says what it shows, an address in `support/admin/urls.py` and an
entry in the navigation.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views import View

from neruba import clock
from neruba.admin.dialogs import operator
from neruba.admin.page import Banner, Headline, Table
from neruba.admin.place import project_of
from neruba.downloads import SheetForm, sheet_file
from neruba.edge import run_atomic
from neruba.models import Project
from neruba.money import is_currency
from neruba.period import EARLIEST, LATEST, local_date, local_midnight
from neruba.services.audit import record
from neruba.sheets import Sheet

FILES: dict[str, SheetForm] = {"csv": "csv", "xlsx": "xlsx"}
_IN_BOUNDS = [MinValueValidator(EARLIEST.date()), MaxValueValidator(LATEST.date())]


def day_field(label: str, *, required: bool = False) -> forms.DateField:
    """A local date, within what the databases hold."""
    shown = forms.DateInput(attrs={"type": "date", "class": "n-input"}, format="%Y-%m-%d")
    return forms.DateField(
        label=label, required=required, widget=shown, validators=_IN_BOUNDS, localize=False
    )


def text_field(label: str, *, max_length: int) -> forms.CharField:
    shown = forms.TextInput(attrs={"class": "n-input"})
    return forms.CharField(label=label, required=False, max_length=max_length, widget=shown)


class DayForm(forms.Form):
    """At the end of which day, in which currency."""

    on = day_field("At the end of", required=True)
    currency = text_field("Currency", max_length=3)

    def clean_currency(self) -> str | None:
        currency: str = self.cleaned_data["currency"].upper()
        if currency and not is_currency(currency):
            raise forms.ValidationError("This is no currency of ISO 4217.")
        return currency or None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a report shows: sentences, numbers, tables; `sheet` is the file, `name` what it is
    called, without its ending.
    """

    banners: list[Banner]
    headlines: list[Headline]
    tables: list[Table]
    sheet: Sheet
    name: str


class ReportView(View):
    """The page of a report, and by POST its file, which the audit history notes.

    `permissions` are all needed, in the project where the operator stands.
    """

    http_method_names = ["get", "post", "head", "options"]
    title: ClassVar[str]
    code: ClassVar[str]
    permissions: ClassVar[tuple[str, ...]] = ("ledger.view_account", "ledger.view_transfer")
    form_class: ClassVar[type[forms.Form]] = DayForm
    template: ClassVar[str] = "support/report.html"

    def shown(self, project: Project, given: dict[str, Any], at: datetime) -> Shown:
        """The report for what the form was given; `at` is the project's present time."""
        raise NotImplementedError

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not all(request.user.has_perm(name) for name in self.permissions):
            raise PermissionDenied
        if project_of(request) is None:
            return redirect("choose_project")
        return super().dispatch(request, *args, **kwargs)

    @property
    def project(self) -> Project:
        project = project_of(self.request)
        assert project is not None
        return project

    def form(self) -> forms.Form:
        """The filters, which stand in the address; without a day, today's."""
        given = self.request.GET.copy()
        if not given.get("on"):
            today = local_date(clock.now(self.project), self.project.timezone)
            given["on"] = today.isoformat()
        return self.form_class(given)

    def get(self, request: HttpRequest) -> HttpResponse:
        form = self.form()
        found = None
        if form.is_valid():
            found = self.shown(self.project, form.cleaned_data, clock.now(self.project))
        return self.page(form, {"report": found}, status=200 if form.is_valid() else 400)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """The file."""
        form, file = self.form(), FILES.get(request.POST.get("file", ""))
        if file is None:
            return HttpResponseBadRequest("The file is csv or xlsx.")
        if not form.is_valid():
            return self.page(form, {"report": None}, status=400)
        at = clock.now(self.project)
        found = self.shown(self.project, form.cleaned_data, at)
        self.note({"format": file}, at=at)
        return sheet_file(found.sheet, file, name=f"{self.project.slug}-{found.name}")

    def note(self, details: dict[str, object], *, at: datetime, reason: str = "") -> None:
        """Who took which file."""
        run_atomic(
            partial(
                record,
                project=self.project,
                actor=operator(self.request),
                action="report.exported",
                on=("report", self.code),
                at=at,
                reason=reason,
                details={"filter": self.request.GET.urlencode(), **details},
            )
        )

    def page(
        self, form: forms.Form, more: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        context = {
            **admin.site.each_context(self.request),
            "title": self.title,
            "form": form,
            "project": self.project,
            **more,
        }
        return TemplateResponse(self.request, self.template, context, status=status)


def end_of(project: Project, on: date) -> datetime:
    """The instant at which a local day is over."""
    return local_midnight(on + timedelta(days=1), project.timezone)
