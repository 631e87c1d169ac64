"""A draft of a plan's next version, as the what-if and the console's price form read it."""

from collections.abc import Mapping
from typing import Any, cast

from billing.models import Plan
from billing.rating.rhythm import IntervalUnit, Rhythm
from billing.selectors.drafts import drafted_prices
from billing.selectors.what_if import Draft
from billing.services.plans import parse_minimum
from neruba.errors import InvalidError


def draft_of(plan: Plan, given: Mapping[str, Any], *, below: str = "") -> Draft:
    """The draft of a validated body of `POST /plans`; what it leaves out is as in the plan's latest
    version.

    Raises InvalidError with a pointer that begins with `below` for a price that makes no sense.
    """
    if given.get("code", plan.code) != plan.code:
        raise InvalidError(f"The draft is of plan {plan.code!r}.", pointer=f"{below}/code")
    latest = plan.versions.order_by("-version").first()
    assert latest is not None, "a plan has a version"
    interval = given.get("interval")
    rhythm = (
        Rhythm(cast("IntervalUnit", latest.interval), latest.interval_count)
        if interval is None
        else Rhythm(interval, given["interval_count"])
    )
    currency = given.get("currency") or latest.currency
    minimum = parse_minimum(given.get("minimum_commitment"), currency, below=below)
    return Draft(
        currency=currency,
        rhythm=rhythm,
        prices=drafted_prices(plan.project, given["prices"], rhythm=rhythm, below=below).sound,
        minimum_commitment_minor=None if minimum is None else minimum.minor,
    )
