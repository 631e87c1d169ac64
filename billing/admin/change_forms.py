"""What each dialog that changes a subscription asks for."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.admin.change_form import PRORATION, ChangeForm, ProratedForm
from billing.admin.tariff import definition_of
from billing.models import PlanVersion, Price
from billing.rating.plan import PlanPrice
from billing.rating.words import spoken
from neruba.period import zone_named

SEATS = "seats_"


def _choice(label: str, **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, widget=UnfoldAdminSelectWidget(), **more)


def _number(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        required=False,
        label=label,
        help_text=help_text,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )


class PlanForm(ProratedForm):
    """Another plan, or the latest version of the same one."""

    type = "change_plan"
    confirm_words = "Change the plan"

    plan = _choice("Plan")

    def prepare(self) -> None:
        proration = self.fields["proration"]
        assert isinstance(proration, forms.ChoiceField)
        proration.choices = [*PRORATION, ("full_period", "begin a whole new period with it")]
        versions = self.sold
        self.versions = {one.plan.code: one for one in versions}
        plan = self.fields["plan"]
        assert isinstance(plan, forms.ChoiceField)
        plan.choices = [
            ("", "—"),
            *((code, self._named(one)) for code, one in self.versions.items()),
        ]
        chosen = self.versions.get(self.data.get("plan", ""))
        for price in () if chosen is None else chosen.prices.all():
            if price.kind == "seat":
                self.fields[f"{SEATS}{price.code}"] = self._seats(price)

    def _named(self, version: PlanVersion) -> str:
        is_mine = (self.terms.plan, self.terms.plan_version) == (version.plan.code, version.version)
        return f"{version.plan.code} v{version.version}{' (as it is)' if is_mine else ''}"

    def _seats(self, price: Price) -> forms.CharField:
        held = self.terms.quantities.get(price.code)
        words = "How many?" if held is None else f"Empty: {spoken(held)}, as it is."
        return _number(f"Seats: {price.code}", words)

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        seats = {
            name.removeprefix(SEATS): text.strip()
            for name, text in given.items()
            if name.startswith(SEATS) and text.strip()
        }
        return {"plan": given["plan"], "quantities": seats}

    def pointer(self, pointer: str | None) -> str | None:
        return pointer and pointer.replace("/quantities/", f"/{SEATS}")


class QuantityForm(ProratedForm):
    """More seats, or fewer."""

    type = "set_quantity"
    confirm_words = "Set the seats"

    price = _choice("Seats of")
    quantity = _number("How many")

    def prepare(self) -> None:
        price = self.fields["price"]
        assert isinstance(price, forms.ChoiceField)
        price.choices = [
            (code, f"{code}: {spoken(seats)} now") for code, seats in self.terms.quantities.items()
        ]

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"price": given["price"], "quantity": given["quantity"].strip() or None}


class AddPriceForm(ProratedForm):
    """A price of any plan of the same currency."""

    type = "add_price"
    confirm_words = "Add the price"

    price = _choice("Price")
    quantity = _number("Seats", "Of a seat price alone.")

    def prepare(self) -> None:
        held = {price.code for price in self.terms.prices}
        versions = self.sold
        self.offered: dict[str, Price] = {}
        groups = []
        for version in versions:
            mine = [price for price in version.prices.all() if price.code not in held]
            self.offered |= {str(price.pk): price for price in mine}
            named = f"{version.plan.code} v{version.version}"
            groups.append((named, [(str(price.pk), _price_named(price)) for price in mine]))
        price = self.fields["price"]
        assert isinstance(price, forms.ChoiceField)
        price.choices = [("", "—"), *(group for group in groups if group[1])]

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        chosen = self.offered[given["price"]]
        return {
            "price": definition_of(chosen),
            "quantity": given["quantity"].strip() or None,
        }


def _price_named(price: Price) -> str:
    definition = definition_of(price)
    return f"{definition['name']} ({price.code}, {price.kind})"


class RemovePriceForm(ProratedForm):
    type = "remove_price"
    confirm_words = "Take it out"

    price = _choice("Price")

    def prepare(self) -> None:
        price = self.fields["price"]
        assert isinstance(price, forms.ChoiceField)
        price.choices = [(one.code, _held_named(one)) for one in self.terms.prices]

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"price": given["price"]}


def _held_named(price: PlanPrice) -> str:
    return f"{price.name} ({price.code}, {price.kind})"


class PauseForm(ChangeForm):
    type = "pause"
    confirm_words = "Pause"

    usage = _choice(
        "Usage meanwhile",
        choices=[
            ("billed", "is billed as it comes"),
            ("waive", "is waived, and kept all the same"),
        ],
    )

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"usage": given["usage"]}


class ResumeForm(ChangeForm):
    type = "resume"
    confirm_words = "Resume"


class CancelForm(ChangeForm):
    """An end: with the longest period that runs, now, or at a time."""

    type = "cancel"
    confirm_words = "Cancel the subscription"

    at = _choice(
        "Ends",
        choices=[
            ("period_end", "with the longest period that runs: what was paid ahead is used up"),
            ("now", "now"),
            ("time", "at the time below"),
        ],
    )

    def prepare(self) -> None:
        self.fields["effective_at"].label = f"At ({self.terms.zone})"
        self.fields["effective_at"].help_text = "Only for a time that is chosen."

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        chosen, time = given.get("at") == "time", given.get("effective_at")
        if chosen and time is None and "effective_at" not in self.errors:
            self.add_error("effective_at", "At which time?")
        if not chosen and time is not None:
            self.add_error("effective_at", "Choose “at the time below” to give a time.")
        return given

    @property
    def asked(self) -> dict[str, Any]:
        given = self.cleaned_data
        ends: dict[str, dict[str, Any]] = {
            "period_end": {"at": "period_end"},
            "now": {"effective_at": self.as_of},
            "time": {"effective_at": given["effective_at"]},
        }
        return {**ends[given["at"]], "invoice": given["invoice"]}

    def pointer(self, pointer: str | None) -> str | None:
        return pointer if self.cleaned_data.get("at") == "time" else "/at"


class EndTrialForm(ChangeForm):
    type = "end_trial"
    confirm_words = "End the trial"


class ZoneForm(ChangeForm):
    type = "set_timezone"
    confirm_words = "Set the time zone"

    timezone = forms.CharField(
        label="Time zone",
        max_length=64,
        help_text="A name of the IANA database, such as Europe/Berlin; from the next boundary on.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def clean_timezone(self) -> str:
        name: str = self.cleaned_data["timezone"].strip()
        try:
            zone_named(name)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return name

    def own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"timezone": given["timezone"]}
