"""What the usage of the plan's customers would have come to: the panel beside the price form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.tariff import lines_of
from billing.api.drafts import draft_of
from billing.models import Plan
from billing.rating.what_if import Amounts
from billing.selectors.what_if import Answer, Difference, what_it_would_have_been
from neruba import clock
from neruba.admin.page import Headline, Table, figure, money
from neruba.models import Project
from neruba.money import Money
from neruba.period import EARLIEST, LATEST, Interval, local_date, local_midnight

MONTHS = 3
SHOWN = 5
BAR = 100
REASONS = {"currency": "another currency", "rhythm": "another rhythm"}


def _day(label: str) -> forms.DateField:
    shown = forms.DateInput(attrs={"type": "date", "class": "n-input"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=shown, localize=False)


class SpanForm(forms.Form):
    """From the beginning of which day up to the beginning of which other."""

    since = _day("Periods from")
    until = _day("up to, without")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        days = [given[name] for name in ("since", "until") if given.get(name)]
        if any(not EARLIEST.date() <= day <= LATEST.date() for day in days):
            raise forms.ValidationError("These days lie too far away.")
        if len(days) == len(self.fields) and days[1] <= days[0]:
            raise forms.ValidationError("It ends before it begins.")
        return given


def usual_span(project: Project, at: datetime) -> dict[str, date]:
    """The last months up to tomorrow, so that what ended today counts."""
    today = local_date(at, project.timezone)
    months = today.year * 12 + today.month - 1 - MONTHS
    return {"since": date(months // 12, months % 12 + 1, 1), "until": today + timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Panel:
    """What is shown of an answer."""

    headlines: Sequence[Headline]
    tables: Sequence[Table]
    words: Sequence[str]


def panel_of(plan: Plan, asked: dict[str, Any], span: dict[str, Any]) -> Panel:
    """Ask, and put the answer in words. Raises NerubaError."""
    zone = plan.project.timezone
    interval = Interval(local_midnight(span["since"], zone), local_midnight(span["until"], zone))
    found = what_it_would_have_been(
        plan=plan,
        draft=draft_of(plan, asked),
        interval=interval,
        at=clock.now(plan.project),
    )
    return Panel(_headlines(found), _tables(found), _words(found))


def _headlines(found: Answer) -> list[Headline]:
    unit, total = found.currency, found.total
    subscriptions = len(found.differences)
    count = f"{found.periods:,} periods of {subscriptions:,} subscriptions"
    return [
        Headline("Under the prices that stand", money(Money(total.old_minor, unit)), count),
        Headline("Under this draft", money(Money(total.new_minor, unit)), "no discounts, no tax"),
        Headline("Difference", _signed(total.difference_minor, unit), _percent(total)),
    ]


def _percent(total: Amounts) -> str:
    if not total.old_minor:
        return ""
    old, difference = abs(total.old_minor), total.difference_minor
    tenths = (2000 * abs(difference) + old) // (2 * old)
    return f"{_sign(difference)}{tenths // 10:,}.{tenths % 10} %"


def _signed(minor: int, unit: str) -> str:
    return f"{_sign(minor)}{money(Money(abs(minor), unit))}"


def _sign(minor: int) -> str:
    return "+" if minor > 0 else "−" if minor < 0 else ""


def _tables(found: Answer) -> list[Table]:
    less = [one for one in found.differences if one.total.difference_minor < 0][:SHOWN]
    more = [one for one in found.differences if one.total.difference_minor > 0][:SHOWN]
    most = max((abs(one.total.difference_minor) for one in found.differences), default=0)
    sides = (("Would have paid less", less), ("Would have paid more", more))
    return [
        *(_customers(title, rows, found.currency, most) for title, rows in sides if rows),
        _by_price(found),
    ]


def _customers(title: str, rows: Sequence[Difference], unit: str, most: int) -> Table:
    return Table(
        title=title,
        columns=("Customer", "Was", "Would be", "Difference", ""),
        rows=[
            (
                lines_of([one.customer, one.subscription]),
                figure(Money(one.total.old_minor, unit)),
                figure(Money(one.total.new_minor, unit)),
                _signed(one.total.difference_minor, unit),
                bar(one.total.difference_minor, most),
            )
            for one in rows
        ],
        empty="",
        numeric=("Was", "Would be", "Difference"),
    )


def bar(difference: int, most: int) -> SafeString:
    """A bar as long as the difference is large, beside the largest."""
    long = max(BAR * abs(difference) // most, 1) if most else 0
    kind = "n-less" if difference < 0 else "n-dearer"
    return format_html(
        '<svg class="n-difference {}" viewBox="0 0 100 8" preserveAspectRatio="none" '
        'aria-hidden="true"><rect width="{}" height="8"/></svg>',
        kind,
        long,
    )


def _by_price(found: Answer) -> Table:
    unit = found.currency
    return Table(
        title="By price",
        columns=("Price", "Was", "Would be", "Difference"),
        rows=[
            (
                code or "Minimum of the plan",
                figure(Money(amounts.old_minor, unit)),
                figure(Money(amounts.new_minor, unit)),
                _signed(amounts.difference_minor, unit),
            )
            for code, amounts in found.prices.items()
        ],
        empty="No period of a subscription on this plan lies whole in that time and is over.",
        numeric=("Was", "Would be", "Difference"),
    )


def _words(found: Answer) -> list[str]:
    return [
        f"{count:,} subscription{'s' if count > 1 else ''} left out: {REASONS[why]} than the draft."
        for why, count in found.left_out.items()
    ]
