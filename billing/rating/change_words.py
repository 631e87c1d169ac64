"""Decisions about a subscription in words that a support agent can read to a customer. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from billing.rating.decisions import Decision, State
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.rating.words import spoken

Fate = Literal["past", "in_force", "scheduled", "withdrawn"]
PRORATION = {
    "prorate": "in proportion",
    "none": "from the next period on",
    "full_period": "a whole new period",
}
INVOICE = {"next": "next invoice", "now": "own invoice"}
# Those that change fees in the middle of a period.
PRORATED = ("change_plan", "set_quantity", "add_price", "remove_price")


def changes_in_words(
    timeline: Timeline, decisions: Mapping[int, Decision]
) -> Mapping[int, tuple[str, ...]]:
    """What each decision says, by number, a line each; those that were withdrawn too."""
    before = states_before(timeline)
    return {
        number: change_in_words(one, before.get(number) or timeline.state_at(one.effective_at))
        for number, one in decisions.items()
    }


def states_before(timeline: Timeline) -> dict[int, State]:
    """The state that each decision which makes another one met, by number."""
    pairs = zip(timeline.entries, timeline.entries[1:], strict=False)
    return {
        entry.decision.number: before.state for before, entry in pairs if entry.decision is not None
    }


def change_in_words(decision: Decision, before: State) -> tuple[str, ...]:
    """What a decision says, a line each; `before` is the state that it meets."""
    return tuple(WORDS[decision.type](decision, before))


def plan_in_words(terms: Terms) -> str:
    return f"{terms.plan} v{terms.plan_version}"


def proration_in_words(decision: Decision) -> str:
    """How fees follow it; nothing where there is no choice."""
    return PRORATION[decision.proration] if decision.type in PRORATED else ""


def invoice_in_words(decision: Decision) -> str:
    """Which invoice bills it; nothing for what bills nothing."""
    if decision.type in ("create", "withdraw"):
        return ""
    return INVOICE[str(decision.given.get("invoice", "next"))]


def _created(decision: Decision, before: State) -> list[str]:
    terms = Terms.read(decision.content)
    lines = [f"Starts on plan {plan_in_words(terms)}"]
    lines += [f"{code}: {spoken(seats)}" for code, seats in terms.quantities.items()]
    if terms.trial_end is not None:
        lines.append(f"In trial, usage {terms.trial_usage}")
    return lines


def _plan(decision: Decision, before: State) -> list[str]:
    given: dict[str, Any] = decision.given["terms"]
    old, seats = before.terms.quantities, given.get("quantities", {})
    lines = [f"Plan {plan_in_words(before.terms)} → {given['plan']} v{given['plan_version']}"]
    return lines + [
        _seats(code, old.get(code), Decimal(str(each)))
        for code, each in seats.items()
        if old.get(code) != Decimal(str(each))
    ]


def _quantity(decision: Decision, before: State) -> list[str]:
    code = str(decision.given["price"])
    return [_seats(code, before.terms.quantities.get(code), Decimal(decision.given["quantity"]))]


def _seats(code: str, before: Decimal | None, after: Decimal) -> str:
    return (
        f"{code}: {spoken(after)}"
        if before is None
        else f"{code}: {spoken(before)} → {spoken(after)}"
    )


def _added(decision: Decision, before: State) -> list[str]:
    price, seats = decision.given["price"], decision.given.get("quantity")
    many = "" if seats is None else f": {spoken(Decimal(seats))}"
    return [f"Price added: {price.get('name') or price['code']} ({price['code']}){many}"]


def _removed(decision: Decision, before: State) -> list[str]:
    return [f"Price taken out: {decision.given['price']}"]


def _paused(decision: Decision, before: State) -> list[str]:
    usage = "waived" if decision.given.get("usage") == "waive" else "still billed"
    return [f"Paused, usage {usage}"]


def _canceled(decision: Decision, before: State) -> list[str]:
    when = decision.given.get("at")
    said = {"period_end": "Cancels with the period", "now": "Canceled at once"}
    return [said.get(str(when), "Cancels at a time that was chosen")]


def _zone(decision: Decision, before: State) -> list[str]:
    return [f"Time zone {before.terms.zone} → {decision.given['timezone']}"]


WORDS: Mapping[str, Callable[[Decision, State], list[str]]] = {
    "create": _created,
    "change_plan": _plan,
    "set_quantity": _quantity,
    "add_price": _added,
    "remove_price": _removed,
    "pause": _paused,
    "resume": lambda _decision, _before: ["Resumed"],
    "cancel": _canceled,
    "end_trial": lambda _decision, _before: ["Trial ended before its time"],
    "set_timezone": _zone,
    "withdraw": lambda decision, _before: [f"Change {decision.given['change']} withdrawn"],
}
