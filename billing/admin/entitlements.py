"""What a version entitles to, and what a customer has of it, as tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.models import Subscription
from billing.rating.entitlements import Entitled, Entitlement, Part
from billing.rating.words import spoken
from billing.selectors.entitlements import entitlements_at
from neruba.admin.page import Table, code, days, label, whole
from neruba.decimals import ZERO
from neruba.models import Customer

# What a bar can show: its length is a number of these.
BAR = 1000


def granted_table(entitlements: Sequence[Entitlement], title: str = "Entitlements") -> Table:
    """What a plan version grants to who takes it."""
    return Table(
        title=title,
        columns=("Feature", "Type", "Counted by meter", "Limit a period"),
        rows=[
            (
                one.feature,
                one.type,
                code(one.meter) or "–",
                "no limit" if one.limit is None else spoken(one.limit),
            )
            for one in entitlements
        ],
        empty="None: who takes this version is granted no feature by name.",
        numeric=("Limit a period",),
    )


def entitlement_table(
    customer: Customer, at: datetime, subscription: Subscription | None = None
) -> Table:
    """What the customer may use at an instant, by all subscriptions or by one, against its
    limits.
    """
    found = entitlements_at(customer, at=at, subscription=subscription)
    return Table(
        title="Entitlements",
        columns=("Feature", "Used of the limit", "Remaining", "Period", "By subscription"),
        rows=[row for one in found for row in _rows(one)],
        empty="None now: no plan that runs grants a feature. `entitlements` of a plan do.",
        numeric=("Remaining",),
        anchor="entitlements",
    )


def _rows(one: Entitled) -> Iterator[tuple[object, ...]]:
    """The feature, then what it comes from where that is counted apart."""
    period = "–" if one.period is None else _period(one.parts[0])
    several = len(one.parts) > 1
    yield (
        one.feature,
        "counted apart, below" if several and one.type == "limit" else _used(one),
        _remaining(one),
        period,
        ", ".join(one.subscriptions),
    )
    for part in one.parts if several else ():
        yield (
            format_html('<span class="n-hint">of {}</span>', one.feature),
            _used(part),
            "–" if part.remaining is None else spoken(part.remaining),
            _period(part),
            ", ".join(part.subscriptions),
        )


def _used(one: Entitled | Part) -> SafeString | str:
    if one.limit is None:
        return label("granted", "success")
    if one.used is None:
        return f"up to {spoken(one.limit)}, counted by no meter"
    return _bar(one.used, one.limit)


def _bar(used: Decimal, limit: Decimal) -> SafeString:
    """What is used of a limit, in words and as a bar, which is full from the limit on."""
    is_over = used >= limit
    part = BAR if is_over else int(BAR * max(used, ZERO) / limit)
    bar = '{} <progress class="n-progress{}" value="{}" max="{}"></progress>'
    words = f"{spoken(used)} of {spoken(limit)}"
    return whole(format_html(bar, words, " n-full" if is_over else "", part, BAR))


def _remaining(one: Entitled) -> SafeString | str:
    if not one.has_access:
        return label("none left", "warning")
    return "–" if one.remaining is None else spoken(one.remaining)


def _period(part: Part) -> str:
    if part.period is None:
        return "–"
    return days(part.period.start, part.period.end, part.zone)
