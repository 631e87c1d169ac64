"""What each decision makes of a subscription. Pure.

A subscription is a timeline of dated decisions; its state at an instant is what those that are
effective by then add up to, at one instant in the order of request. Source:
docs/subscriptions.md.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Literal

from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.terms import Terms
from neruba.period import parse_instant

Proration = Literal["prorate", "none", "full_period"]


@dataclass(frozen=True)
class Decision:
    """A change of a subscription as it was recorded; `number` is its place in the order of
    request, from 1, and `content` its canonical JSON.
    """

    number: int
    type: str
    effective_at: datetime
    requested_at: datetime
    content: str

    @cached_property
    def given(self) -> Mapping[str, Any]:
        """What it says."""
        return _read(self.content)

    @property
    def subject(self) -> tuple[str, str]:
        """What it decides about; of those about one thing the latest holds."""
        if self.type in ("create", "change_plan"):
            return "plan", ""
        if self.type in ("pause", "resume"):
            return "pause", ""
        if self.type in ("set_quantity", "remove_price"):
            return "price", str(self.given["price"])
        if self.type == "add_price":
            return "price", str(self.given["price"]["code"])
        return self.type, ""

    @property
    def proration(self) -> Proration:
        """How fees follow it."""
        return self.given.get("proration", "prorate")  # type: ignore[no-any-return]

    @property
    def is_after_boundary(self) -> bool:
        """Whether a boundary at its very instant had been drafted when it was asked for."""
        return bool(self.given.get("after_boundary"))


@lru_cache(maxsize=1024)
def _read(content: str) -> Mapping[str, Any]:
    return json.loads(content)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class State:
    """A subscription at an instant."""

    terms: Terms
    is_paused: bool = False
    waives_usage: bool = False
    in_trial: bool = False

    @property
    def bills_fees(self) -> bool:
        """Whether fees, seats, one-time prices and the plan's minimum are due."""
        return not (self.is_paused or self.in_trial)

    @property
    def bills_usage(self) -> bool:
        """Whether usage is due; what is not billed is kept all the same."""
        is_waived = self.is_paused and self.waives_usage
        return not (is_waived or (self.in_trial and self.terms.trial_usage == "free"))


class DecisionError(ValueError):
    """A decision that does not fit what the ones before it made; `pointer` is seen from its
    request.
    """

    def __init__(self, number: int, detail: str, pointer: str) -> None:
        super().__init__(detail)
        self.number = number
        self.pointer = pointer


@dataclass(frozen=True)
class Entry:
    """The state from `at` on, and the decision that made it; None: the end of a trial."""

    at: datetime
    state: State
    decision: Decision | None

    @property
    def waits(self) -> bool:
        """Whether fees follow it from the next period on only."""
        return self.decision is not None and self.decision.proration == "none"

    @property
    def opens_anew(self) -> bool:
        """Whether a whole new period and anchor begin with it."""
        if self.decision is None:
            return True
        return self.decision.proration == "full_period"


def read_terms(content: str) -> Terms:
    """The terms of a creation; many decisions share one snapshot."""
    return _terms(content)


_terms = lru_cache(maxsize=1024)(Terms.read)


def standing(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions that were not withdrawn, in the order in which they take effect."""
    every = list(decisions)
    gone = {one.given["change"] for one in every if one.type == "withdraw"}
    kept = [one for one in every if one.type != "withdraw" and one.number not in gone]
    return tuple(sorted(kept, key=lambda one: (one.type != "create", one.effective_at, one.number)))


def trial_end_of(terms: Terms, decisions: Sequence[Decision]) -> datetime | None:
    """When the trial ends, if there is one: as agreed, or as somebody decided before that."""
    ends = [terms.trial_end] if terms.trial_end is not None else []
    if ends:
        ends += [one.effective_at for one in decisions if one.type == "end_trial"]
    return max(min(ends), terms.start) if ends else None


def entries_of(decisions: Sequence[Decision]) -> tuple[Entry, ...]:
    """The states of a timeline in order of time; `decisions` as `standing` gives them.

    Raises DecisionError for one that does not fit.
    """
    first, *later = decisions
    terms = read_terms(first.content)
    trial_end = trial_end_of(terms, later)
    in_trial = trial_end is not None and trial_end > terms.start
    state = State(terms, in_trial=in_trial)
    entries = [Entry(terms.start, state, first)]
    moves = [one for one in later if one.type in DECIDED]
    for one in moves:
        if in_trial and trial_end is not None and trial_end <= one.effective_at:
            in_trial, state = False, replace(state, in_trial=False)
            entries.append(Entry(trial_end, state, None))
        state = DECIDED[one.type](state, one)
        entries.append(Entry(max(one.effective_at, terms.start), state, one))
    if in_trial and trial_end is not None:
        entries.append(Entry(trial_end, replace(state, in_trial=False), None))
    return tuple(entries)


def _change_plan(state: State, one: Decision) -> State:
    agreed, is_new = Terms.read(json.dumps(one.given["terms"])), one.proration == "full_period"
    terms = replace(
        agreed,
        start=state.terms.start,
        zone=state.terms.zone,
        # A whole period that begins on any day begins on no calendar's.
        anchor="anniversary" if is_new else state.terms.anchor,
        billing_day=None if is_new else state.terms.billing_day,
        trial_end=state.terms.trial_end,
        trial_usage=state.terms.trial_usage,
        end_at=state.terms.end_at,
    )
    return replace(state, terms=terms)


def _set_quantity(state: State, one: Decision) -> State:
    price, quantity = str(one.given["price"]), Decimal(str(one.given["quantity"]))
    if price not in state.terms.quantities:
        raise DecisionError(one.number, f"There is no seat price {price!r} then.", "/price")
    quantities = {**state.terms.quantities, price: quantity}
    return replace(state, terms=replace(state.terms, quantities=quantities))


def _add_price(state: State, one: Decision) -> State:
    price = parse_plan_price(one.given["price"])
    terms = state.terms
    if any(other.code == price.code for other in terms.prices):
        raise DecisionError(
            one.number, f"There is a price {price.code!r} then already.", "/price/code"
        )
    quantities = dict(terms.quantities)
    if price.kind == "seat":
        quantities[price.code] = Decimal(str(one.given["quantity"]))
    added = replace(
        terms,
        prices=(*terms.prices, price),
        quantities=quantities,
        overridden=(*terms.overridden, price.code),
    )
    return replace(state, terms=added)


def _remove_price(state: State, one: Decision) -> State:
    code, terms = str(one.given["price"]), state.terms
    if not any(price.code == code for price in terms.prices):
        raise DecisionError(one.number, f"There is no price {code!r} then.", "/price")
    if len(terms.prices) == 1:
        raise DecisionError(
            one.number, "It is the last price: cancel the subscription instead.", "/price"
        )
    left = replace(
        terms,
        prices=tuple(price for price in terms.prices if price.code != code),
        quantities={key: each for key, each in terms.quantities.items() if key != code},
        overridden=tuple(each for each in terms.overridden if each != code),
    )
    return replace(state, terms=left)


def _pause(state: State, one: Decision) -> State:
    if state.is_paused:
        raise DecisionError(one.number, "The subscription is paused then already.", "/type")
    return replace(state, is_paused=True, waives_usage=one.given.get("usage") == "waive")


def _resume(state: State, one: Decision) -> State:
    if not state.is_paused:
        raise DecisionError(one.number, "The subscription is not paused then.", "/type")
    return replace(state, is_paused=False, waives_usage=False)


def _set_timezone(state: State, one: Decision) -> State:
    return replace(state, terms=replace(state.terms, zone=str(one.given["timezone"])))


# Those that make a state; ends, of the subscription or of its trial, are instants.
DECIDED: Mapping[str, Callable[[State, Decision], State]] = {
    "change_plan": _change_plan,
    "set_quantity": _set_quantity,
    "add_price": _add_price,
    "remove_price": _remove_price,
    "pause": _pause,
    "resume": _resume,
    "set_timezone": _set_timezone,
}


def price_of(terms: Terms, code: str) -> PlanPrice:
    """The price of this code. Raises KeyError where the terms have none."""
    for price in terms.prices:
        if price.code == code:
            return price
    raise KeyError(code)


def instant_of(text: str | None) -> datetime | None:
    """An optional instant of a decision's content."""
    return None if text is None else parse_instant(text)
