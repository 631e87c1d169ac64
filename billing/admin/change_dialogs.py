"""The dialogs that change a subscription: each shows what it would come to, then does just that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin.change_form import ChangeForm
from billing.admin.change_forms import (
    AddPriceForm,
    CancelForm,
    EndTrialForm,
    PauseForm,
    PlanForm,
    QuantityForm,
    RemovePriceForm,
    ResumeForm,
    ZoneForm,
)
from billing.admin.documents import period_of
from billing.models import Subscription, SubscriptionChange
from billing.rating.change_words import changes_in_words
from billing.rating.timeline import Timeline
from billing.selectors.timelines import timelines_of
from billing.services.changes import Changed, withdraw_change
from billing.services.shown_changes import change_as_shown, show_withdrawal
from neruba import clock
from neruba.admin.dialogs import PreviewForm, act_previewed, operator
from neruba.admin.page import PageAdmin, instant, local_time, money, page_of


class WithdrawForm(PreviewForm[Subscription]):
    """Taking a scheduled change back."""

    rows = Subscription.objects.select_related("project", "customer")
    confirm_words = "Withdraw it"

    change = forms.ChoiceField(label="Scheduled change", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["change"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(self.scheduled.items())

    @cached_property
    def scheduled(self) -> Mapping[str, str]:
        """What has not taken effect, in words, by number."""
        at, timeline = clock.now(self.row.project), _timeline(self.row)
        coming = {one.number: one for one in timeline.decisions[1:] if one.effective_at > at}
        words = changes_in_words(timeline, coming)
        return {
            str(number): f"{'; '.join(words[number])} ({_when(timeline, one.effective_at)})"
            for number, one in coming.items()
        }

    def preview(self) -> Sequence[str]:
        number = self.cleaned_data["change"]
        found = show_withdrawal(
            subscription=self.row,
            number=int(number),
            actor=operator(self.request),
            at=clock.now(self.row.project),
        )
        said = [
            f"Taken back before it takes effect: {self.scheduled[number]}.",
            "It stays on the timeline, with its withdrawal.",
        ]
        return said + [
            f"The next invoice ({period_of(one)}) comes to {money(one.total)} then."
            for one in found
        ]


def _when(timeline: Timeline, at: datetime) -> str:
    zone = timeline.terms_at(at).zone
    return f"{local_time(at, zone)} {zone}"


def _timeline(row: Subscription) -> Timeline:
    return timelines_of(row.project, [row.pk])[row.pk]


def _dialog(form: type[ChangeForm], title: str, description: str) -> ActionDialog:
    return {
        "title": title,
        "description": description,
        "form_class": form,
        "form_submit_text": "Preview",
    }


PLAN = _dialog(
    PlanForm,
    "Change the plan",
    "Its latest version is taken, with the prices of today. Seats stay as they are unless said.",
)
QUANTITY = _dialog(QuantityForm, "Set seats", "More or fewer seats of a price.")
ADD = _dialog(
    AddPriceForm, "Add a price", "A price of another plan, beside those of this subscription."
)
REMOVE = _dialog(RemovePriceForm, "Take a price out", "It is billed no more from then on.")
PAUSE = _dialog(PauseForm, "Pause", "No fees are due while it is paused. Periods go on.")
RESUME = _dialog(ResumeForm, "Resume", "Fees are due again from then on.")
CANCEL = _dialog(
    CancelForm,
    "Cancel",
    "What was paid ahead and lies after the end comes back. It cannot be begun again.",
)
END_TRIAL = _dialog(EndTrialForm, "End the trial", "The first paid period begins then.")
ZONE = _dialog(
    ZoneForm,
    "Set the time zone",
    "Days and periods follow another clock from the next boundary on.",
)
WITHDRAW: ActionDialog = {
    "title": "Withdraw a scheduled change",
    "description": "Only what has not taken effect; for all else make another change.",
    "form_class": WithdrawForm,
    "form_submit_text": "Preview",
}


def perform(request: HttpRequest, form: ChangeForm, dialog: ActionDialog) -> HttpResponse:
    """Show the change, and once that was confirmed do it."""
    row = form.row

    def work() -> Changed:
        with form.at_fields():
            return change_as_shown(
                subscription=row,
                type=form.type,
                given=form.asked,
                shown=form.change.hashes,
                reason=form.cleaned_data["reason"],
                actor=operator(request),
                at=form.now,
            )

    def done(changed: Changed) -> str:
        at = changed.change.effective_at
        when = f"will change {instant(at)}" if at > form.now else "was changed"
        billed = "" if changed.invoice is None else f" {changed.invoice.number} bills it."
        return f"{row.external_id} {when} (change {changed.change.number}).{billed}"

    return act_previewed(request, form=form, dialog=dialog, work=work, done=done, then=page_of(row))


class ChangingAdmin(PageAdmin):
    """The page of a subscription with the acts that change it."""

    actions_detail = [
        {
            "title": "Change",
            "icon": "tune",
            "items": [
                *("change_plan", "set_quantity", "add_price", "remove_price"),
                *("end_trial", "set_timezone"),
            ],
        },
        {
            "title": "Pause or end",
            "icon": "pause_circle",
            "items": ["pause", "resume", "cancel", "withdraw"],
        },
    ]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """What the subscription's state refuses is not offered either."""
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        senseless = _senseless(_timeline(row), clock.now(row.project))
        return [one for one in found if one.path not in senseless]

    @action(
        description="Change plan",
        permissions=["billing.change_plan_subscription"],
        url_path="change_plan",
        icon="swap_horiz",
        dialog=PLAN,
    )
    def change_plan(self, request: HttpRequest, form: PlanForm, object_id: str) -> HttpResponse:
        return perform(request, form, PLAN)

    @action(
        description="Set seats",
        permissions=["billing.set_quantity_subscription"],
        url_path="set_quantity",
        icon="group",
        dialog=QUANTITY,
    )
    def set_quantity(
        self, request: HttpRequest, form: QuantityForm, object_id: str
    ) -> HttpResponse:
        return perform(request, form, QUANTITY)

    @action(
        description="Add a price",
        permissions=["billing.add_price_subscription"],
        url_path="add_price",
        icon="add",
        dialog=ADD,
    )
    def add_price(self, request: HttpRequest, form: AddPriceForm, object_id: str) -> HttpResponse:
        return perform(request, form, ADD)

    @action(
        description="Take a price out",
        permissions=["billing.remove_price_subscription"],
        url_path="remove_price",
        icon="remove",
        dialog=REMOVE,
    )
    def remove_price(
        self, request: HttpRequest, form: RemovePriceForm, object_id: str
    ) -> HttpResponse:
        return perform(request, form, REMOVE)

    @action(
        description="Pause",
        permissions=["billing.pause_subscription"],
        url_path="pause",
        icon="pause",
        dialog=PAUSE,
    )
    def pause(self, request: HttpRequest, form: PauseForm, object_id: str) -> HttpResponse:
        return perform(request, form, PAUSE)

    @action(
        description="Resume",
        permissions=["billing.resume_subscription"],
        url_path="resume",
        icon="play_arrow",
        dialog=RESUME,
    )
    def resume(self, request: HttpRequest, form: ResumeForm, object_id: str) -> HttpResponse:
        return perform(request, form, RESUME)

    @action(
        description="Cancel",
        permissions=["billing.cancel_subscription"],
        url_path="cancel",
        icon="cancel",
        dialog=CANCEL,
    )
    def cancel(self, request: HttpRequest, form: CancelForm, object_id: str) -> HttpResponse:
        return perform(request, form, CANCEL)

    @action(
        description="End the trial",
        permissions=["billing.end_trial_subscription"],
        url_path="end_trial",
        icon="hourglass_bottom",
        dialog=END_TRIAL,
    )
    def end_trial(self, request: HttpRequest, form: EndTrialForm, object_id: str) -> HttpResponse:
        return perform(request, form, END_TRIAL)

    @action(
        description="Set time zone",
        permissions=["billing.set_timezone_subscription"],
        url_path="set_timezone",
        icon="schedule",
        dialog=ZONE,
    )
    def set_timezone(self, request: HttpRequest, form: ZoneForm, object_id: str) -> HttpResponse:
        return perform(request, form, ZONE)

    @action(
        description="Withdraw a scheduled change",
        permissions=["billing.withdraw_subscription"],
        url_path="withdraw",
        icon="undo",
        dialog=WITHDRAW,
    )
    def withdraw(self, request: HttpRequest, form: WithdrawForm, object_id: str) -> HttpResponse:
        row = form.row

        def work() -> SubscriptionChange:
            return withdraw_change(
                subscription=row,
                number=int(form.cleaned_data["change"]),
                reason=form.cleaned_data["reason"],
                actor=operator(request),
                at=clock.now(row.project),
            )

        return act_previewed(
            request,
            form=form,
            dialog=WITHDRAW,
            work=work,
            done=lambda change: f"Change {change.number} of {row.external_id} is withdrawn.",
            then=page_of(row),
        )


def _senseless(timeline: Timeline, at: datetime) -> set[str]:
    """The acts that could do nothing at an instant."""
    state, found = timeline.state_at(at), set()
    found.add("pause" if state.is_paused else "resume")
    if not state.in_trial:
        found.add("end_trial")
    if not state.terms.quantities:
        found.add("set_quantity")
    if len(state.terms.prices) == 1:
        found.add("remove_price")
    if not any(one.effective_at > at for one in timeline.decisions[1:]):
        found.add("withdraw")
    if timeline.status(at) == "canceled":
        found |= {
            *("change_plan", "set_quantity", "add_price", "remove_price"),
            *("pause", "resume", "cancel", "end_trial", "set_timezone"),
        }
    return found
