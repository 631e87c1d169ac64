"""What dialogs about credits have in common: amounts, reasons, the second person."""

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from ledger.reasons import REASONS
from ledger.services.giving import Asked
from neruba.actor import Actor
from neruba.admin.page import link_to, money
from neruba.models import Approval, Project
from neruba.money import Money
from neruba.services.approvals import exceeds_limit, limit_of


class ReasonCodeField(forms.ChoiceField):
    """What kind of reason, for reports; nothing is chosen beforehand."""

    def __init__(self) -> None:
        super().__init__(
            label="Kind of reason",
            choices=[("", "Choose one"), *REASONS.items()],
            widget=UnfoldAdminSelectWidget(),
        )


def amount_of(text: str, currency: str) -> Money:
    """An amount that somebody typed. Raises ValidationError."""
    try:
        return Money.parse(text.strip().replace(",", ""), currency)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def second_person(project: Project, actor: Actor, amount: Money) -> list[str]:
    """The sentence of a preview that says that somebody else has to approve it; none within the
    limit.
    """
    limit = limit_of(project=project, actor=actor)
    if limit is None or not exceeds_limit(project=project, actor=actor, amount=amount):
        return []
    words = f"It is above your limit of {limit} {amount.currency}"
    return [f"{words}: nothing is done until a second person approves it."]


def asked_words(project: Project, asked: Asked) -> SafeString:
    """Who has to do something now, with the way there."""
    approval = Approval.objects.get(project=project, public_id=asked.approval)
    return format_html(
        "Nothing was done yet: {} waits for a second person. {}",
        money(Money(approval.amount_minor, approval.currency)),
        link_to(approval, "See the request"),
    )
