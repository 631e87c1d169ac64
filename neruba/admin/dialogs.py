"""Acts of operators: a dialog that says what will happen and asks for a reason, then a POST.

An action has `permissions=` with the dotted name of a permission; tests walk all actions as an
operator without any.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.dataclasses import ActionDialog
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from neruba.actor import Actor
from neruba.admin.place import in_place, project_of
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import Project, User
from neruba.origin import origin_of

TEMPLATE = "unfold/helpers/dialog.html"
MAX_REASON = 1000
T = TypeVar("T")
Row = TypeVar("Row", bound=Model)


class ReasonForm(BaseDialogForm):
    """Every act of a person has a reason, which stands in the audit history."""

    reason = forms.CharField(
        max_length=MAX_REASON, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    field_order: list[str] | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        # Fields of a subclass come first; the reason is asked last.
        self.order_fields([name for name in self.fields if name != "reason"])

    @property
    def project(self) -> Project:
        """Where the operator stands and acts; not found for one who stands nowhere."""
        project = project_of(self.request)
        if project is None:
            raise Http404
        return project


class RowForm(ReasonForm, Generic[Row]):
    """A dialog about one of `rows`: `row`; not found where it is gone, or in another project."""

    rows: QuerySet[Row]
    project_path: str | None = "project"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        rows: QuerySet[Row] = in_place(self.rows, self.request, self.project_path)
        row = rows.filter(pk=self.object_id).first()
        if row is None:
            raise Http404
        self.row = row


def operator(request: HttpRequest) -> Actor:
    """Who acts in the console."""
    assert isinstance(request.user, User)
    return Actor("operator", request.user.email, *origin_of(request))


def act(
    request: HttpRequest,
    *,
    form: ReasonForm,
    dialog: ActionDialog,
    work: Callable[[], T],
    done: Callable[[T], str],
    then: str | Callable[[T], str],
) -> HttpResponse:
    """Do the work at the edge and go to the address `then` (or what it makes of the result); a
    refusal is shown in the dialog.
    """
    try:
        result = run_atomic(work)
    except NerubaError as error:
        return refuse(request, form=form, dialog=dialog, error=error)
    messages.success(request, done(result))
    address = then if isinstance(then, str) else then(result)
    return HttpResponse(headers={"HX-Redirect": address})


def refuse(
    request: HttpRequest, *, form: ReasonForm, dialog: ActionDialog, error: NerubaError
) -> HttpResponse:
    """The dialog again, with the refusal at the field at fault or else at the reason."""
    names = (error.pointer or "").split("/")
    field = next((name for name in names if name in form.fields), "reason")
    form.add_error(field, error.detail)
    context = {
        "dialog": dialog,
        "form": form,
        "form_submit_text": dialog["form_submit_text"],
    }
    return render(request, TEMPLATE, context)
