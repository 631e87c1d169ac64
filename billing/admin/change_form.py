"""A form that changes a subscription: it shows what that would come to before it is done."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from billing.admin.change_preview import preview_tables, preview_words
from billing.models import PlanVersion, Subscription
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.selectors.plans import latest_versions
from billing.selectors.timelines import timelines_of
from billing.services.shown_changes import ShownChange, show_change
from neruba import clock
from neruba.admin.dialogs import PreviewForm, operator
from neruba.errors import NerubaError
from neruba.period import local_instant, parse_instant, rfc3339

# For how long the instant of a preview counts as now.
SHOWN_FOR = timedelta(minutes=15)
PLANS_OFFERED = 100
BACKDATE = "billing.backdate_subscription"
INVOICE = (
    ("next", "with the next invoice"),
    ("now", "at once, with an invoice of its own"),
)
PRORATION = (
    ("prorate", "in proportion to the days"),
    ("none", "from the next period on"),
)


class ChangeForm(PreviewForm[Subscription]):
    """A change of one type: when, on which invoice, why; and then what it would come to."""

    rows = Subscription.objects.select_related("project", "customer")
    form_after_template = "billing/change_preview.html"
    confirm_words = "Do it"
    type: ClassVar[str]

    effective_at = forms.DateTimeField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    invoice = forms.ChoiceField(
        label="Billed", choices=INVOICE, widget=UnfoldAdminSelectWidget(), initial="next"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["effective_at"].label = f"Effective ({self.terms.zone})"
        self.fields["effective_at"].help_text = "Empty: now."
        self.prepare()
        last = ("effective_at", "proration", "invoice", "reason")
        self.order_fields([name for name in self.fields if name not in last] + list(last))

    def prepare(self) -> None:
        """Fill in what is chosen from."""

    @cached_property
    def timeline(self) -> Timeline:
        return timelines_of(self.row.project, [self.row.pk])[self.row.pk]

    @cached_property
    def now(self) -> datetime:
        return clock.now(self.row.project)

    @cached_property
    def as_of(self) -> datetime:
        """What an empty date means: the instant of the preview that is confirmed, else now."""
        if "confirmed" not in self.data:
            return self.now
        try:
            shown = parse_instant(self.data.get("as_of", ""))
        except ValueError:
            return self.now
        return shown if self.now - SHOWN_FOR <= shown <= self.now else self.now

    @property
    def terms(self) -> Terms:
        return self.timeline.terms_at(self.now)

    @cached_property
    def sold(self) -> list[PlanVersion]:
        """What can be chosen from, in the subscription's currency."""
        return latest_versions(self.row.project, self.row.currency, limit=PLANS_OFFERED)

    def clean_effective_at(self) -> datetime | None:
        """The instant of a reading of the subscription's clock."""
        read: datetime | None = self.cleaned_data["effective_at"]
        if read is None:
            return None
        reading = read.replace(tzinfo=None)
        at = local_instant(reading.date(), reading.time(), self.terms.zone)
        if at < self.now and not self.request.user.has_perm(BACKDATE):
            raise forms.ValidationError("Your role changes nothing in the past: not before now.")
        return at.astimezone(UTC)

    @property
    def asked(self) -> dict[str, Any]:
        """The change as a request gives it."""
        given = self.cleaned_data
        return {
            "effective_at": given["effective_at"] or max(self.as_of, self.timeline.start),
            "invoice": given["invoice"],
            **({"proration": given["proration"]} if "proration" in given else {}),
            **self.own(given),
        }

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What this type says beside what all say."""
        return {}

    @cached_property
    def change(self) -> ShownChange:
        with self.at_fields():
            return show_change(
                subscription=self.row,
                type=self.type,
                given=self.asked,
                actor=operator(self.request),
                at=self.now,
            )

    @contextmanager
    def at_fields(self) -> Iterator[None]:
        """Refusals point at the fields of this form."""
        try:
            yield
        except NerubaError as error:
            error.pointer = self.pointer(error.pointer)
            raise

    def pointer(self, pointer: str | None) -> str | None:
        """The field that a pointer of a request stands for."""
        return pointer

    def preview(self) -> Sequence[str]:
        return preview_words(self.change, self.as_of)

    @property
    def digest(self) -> str:
        return "-".join([super().digest, *self.change.hashes, self._instant])

    @property
    def _instant(self) -> str:
        return rfc3339(self.as_of)

    def get_after_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, object]:
        context = super().get_after_template_context(request, object_id)
        if not context:
            return {}
        return {**context, "as_of": self._instant, "tables": preview_tables(self.change)}


class ProratedForm(ChangeForm):
    """A change that fees follow in the middle of a period."""

    proration = forms.ChoiceField(
        label="Fees follow it",
        choices=PRORATION,
        widget=UnfoldAdminSelectWidget(),
        initial="prorate",
    )
