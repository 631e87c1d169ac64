"""Acts of operators: a dialog that says what will happen and asks for a reason, then a POST.

An action has `permissions=` with the dotted name of a permission; tests walk all actions as an
operator without any.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import cached_property
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

    @property
    def given(self) -> dict[str, Any]:
        """What the operator filled in, with the reason, and without unfold's own field."""
        return {name: self.cleaned_data[name] for name in self.fields if not name.startswith("_")}


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


class PreviewForm(RowForm[Row]):
    """A dialog in two steps: what it would do is shown, and done once that was confirmed.

    The button of the preview sends the digest of what was asked for and shown. Where either has
    changed since, the preview is shown anew and nothing is done.
    """

    form_after_template = "console/preview.html"
    confirm_words = "Confirm"

    def preview(self) -> Sequence[str]:
        """What the act would do, a sentence each. Raises NerubaError where it would be refused."""
        raise NotImplementedError

    @cached_property
    def shown(self) -> list[str]:
        """The preview of a form that is valid."""
        return [str(sentence) for sentence in self.preview()]

    @property
    def digest(self) -> str:
        asked = {name: str(value) for name, value in sorted(self.cleaned_data.items())}
        return hashlib.sha256(json.dumps([asked, self.shown]).encode()).hexdigest()

    @property
    def is_confirmed(self) -> bool:
        return self.data.get("confirmed") == self.digest

    def get_after_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, object]:
        if not self.is_bound or self.errors:
            return {}
        return {"shown": self.shown, "digest": self.digest, "words": self.confirm_words}


def act_previewed(
    request: HttpRequest,
    *,
    form: PreviewForm[Any],
    dialog: ActionDialog,
    work: Callable[[], T],
    done: Callable[[T], str],
    then: str | Callable[[T], str],
) -> HttpResponse:
    """As `act`, once what it does was shown and confirmed; until then the dialog with that."""
    try:
        is_confirmed = form.is_confirmed
    except NerubaError as error:
        return refuse(request, form=form, dialog=dialog, error=error)
    if not is_confirmed:
        return _dialog(request, form=form, dialog=dialog)
    return act(request, form=form, dialog=dialog, work=work, done=done, then=then)


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
    return _dialog(request, form=form, dialog=dialog)


def _dialog(request: HttpRequest, *, form: ReasonForm, dialog: ActionDialog) -> HttpResponse:
    context = {
        "dialog": dialog,
        "form": form,
        "form_submit_text": dialog["form_submit_text"],
    }
    return render(request, TEMPLATE, context)
