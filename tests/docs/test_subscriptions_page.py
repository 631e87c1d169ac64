"""The worked tables of docs/subscriptions.md are what the API does."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.models import SubscriptionChange
from neruba.period import rfc3339
from tests.billing.sandbox import Sandbox
from tests.billing.story import SUBSCRIPTION, Story, flat
from tests.docs.pages import DOCS, instant_of, page, rows_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = page("subscriptions.md")
START = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
SEATS = {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": "10.00"}
QUOTED = re.compile(r"`(\w+)`")


def of_seats(**terms: Any) -> Story:
    story = Story(currency="EUR")
    story.customer(START)
    for plan in ("team", "big"):
        story.plan(START, plan, [SEATS])
    story.subscribe(START, "team", quantities={"seats": "3"}, **terms)
    return story


def decide(story: Story, at: datetime, text: str, **more: Any) -> None:
    """Ask for what a cell says, such as `change_plan` big, `quantities` seats 4."""
    type = QUOTED.findall(text)[0]
    given: dict[str, Any] = {}
    if found := re.search(r"seats (\d+)", text):
        given = {"price": "seats", "quantity": found[1]}
    if type == "change_plan":
        given = {"plan": "big", **({"quantities": {"seats": found[1]}} if found else {})}
    story.change(at, type, **given, **more)


def test_the_timeline_is_what_the_page_says() -> None:
    columns = ("asked for", "decision", "takes effect", "plan", "seats", "status")
    rows = rows_of(PAGE, *columns)
    story = of_seats(trial_end=rfc3339(instant_of("15 January")))
    for row in rows[1:]:
        if row["asked for"] == "–":
            continue
        at, effective = instant_of(row["asked for"]), instant_of(row["takes effect"])
        # A cancellation says by itself when it ends.
        is_later = effective > at and "`cancel`" not in row["decision"]
        when = {"effective_at": rfc3339(effective)} if is_later else {}
        decide(story, at, row["decision"], **when)
    last = instant_of("1 May")
    for row in rows:
        since = rfc3339(instant_of(row["takes effect"]))
        story.call(last, f"GET /subscriptions/{SUBSCRIPTION}?at={since}")
    story.call(last, f"GET /subscriptions/{SUBSCRIPTION}/timeline")
    *states, timeline = story.told("page")[-len(rows) - 1 :]
    found = [(one["plan"], one["quantities"]["seats"], one["status"]) for one in states]
    assert found == [(row["plan"], row["seats"], row["status"]) for row in rows]
    assert [one["type"] for one in timeline["data"]] == [
        "create",
        *(QUOTED.findall(row["decision"])[0] for row in rows if "`" in row["decision"]),
    ]


@pytest.mark.parametrize(
    "row",
    rows_of(PAGE, "asked for first", "asked for second", "seats from 1 February on"),
    ids=str,
)
def test_decisions_of_one_instant_count_in_the_order_of_request(row: dict[str, str]) -> None:
    story = of_seats()
    for number, name in enumerate(("asked for first", "asked for second"), 1):
        at = START + timedelta(days=number)
        decide(story, at, row[name], effective_at=rfc3339(FEBRUARY))
    story.call(FEBRUARY, f"GET /subscriptions/{SUBSCRIPTION}")
    state = story.told("page")[-1]
    assert state["quantities"] == {"seats": row["seats from 1 February on"]}
    assert state["plan"] == "big"


@pytest.mark.parametrize("row", rows_of(PAGE, "change", "the boundaries from 1 April on"), ids=str)
def test_boundaries_move_as_the_page_says(row: dict[str, str]) -> None:
    story = Story(currency="EUR")
    story.customer(START)
    story.plan(START, "first", [flat("fee", "30.00")])
    interval = "year" if "yearly" in row["change"] else "month"
    story.plan(START, "second", [flat("fee", "60.00")], interval=interval)
    story.subscribe(START, "first")
    given = {"proration": "full_period"} if "full_period" in row["change"] else {}
    story.change(instant_of("16 April 10:00"), "change_plan", plan="second", **given)
    story.call(instant_of("17 May"), f"GET /subscriptions/{SUBSCRIPTION}/periods")
    periods = [one for one in story.told("page")[-1]["data"] if one["start"] >= "2026-04"]
    wanted = [instant_of(text) for text in row["the boundaries from 1 April on"].split(", ")]
    bounds = [periods[0]["start"], *(one["end"] for one in periods)]
    assert [datetime.fromisoformat(text) for text in bounds][: len(wanted)] == wanted


def test_every_type_of_change_is_told() -> None:
    types = {
        QUOTED.findall(row["type"])[0] for row in rows_of(PAGE, "type", "reads", "what it does")
    }
    assert types == set(SubscriptionChange.Type.values) - {"create", "withdraw"}


def test_changes_are_refused_as_the_page_says() -> None:
    known = {row["asked for"]: row["answer"] for row in rows_of(PAGE, "asked for", "answer")}
    sandbox = Sandbox()
    plans = {"first": [flat("fee", "30.00"), SEATS], "yen": [flat("fee", "30")]}
    for code, prices in plans.items():
        currency = {"currency": "JPY"} if code == "yen" else {}
        sandbox.post("/plans", {"code": code, "interval": "month", "prices": prices, **currency})
    later, end = "2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z"
    ended = {"type": "cancel", "effective_at": end}
    pause, quantity = {"type": "pause"}, {"type": "set_quantity", "quantity": "2"}
    asked = {
        "`pause` of what is paused": [pause, pause],
        "`set_quantity` of a price that has no seats then": [{**quantity, "price": "fee"}],
        "anything from the end on": [ended, {**pause, "effective_at": end}],
        "a `cancel` for an instant before the last boundary that was drafted": [
            {"type": "cancel", "effective_at": "2026-01-20T00:00:00Z"}
        ],
        "`proration` on a `pause`": [{**pause, "proration": "none"}],
        "a plan in another currency": [{"type": "change_plan", "plan": "yen"}],
        "a change before a scheduled one that would not fit any more": [
            {**quantity, "price": "seats", "effective_at": later},
            {"type": "remove_price", "price": "seats"},
        ],
    }
    withdrawal = "a withdrawal of what took effect, or was withdrawn"
    assert known.keys() == {*asked, withdrawal}
    cases = [*asked.items(), (withdrawal, [pause])]
    for number in range(len(cases)):
        name, quantities = f"s{number}", {"seats": "1"}
        sandbox.post("/customers", {"external_id": name, "name": name})
        of = {"customer": name, "plan": "first", "quantities": quantities}
        sandbox.post("/subscriptions", {"external_id": name, **of})
    sandbox.clock("2026-02-10T00:00:00Z")
    for number, (name, bodies) in enumerate(cases):
        path = f"/subscriptions/s{number}/changes"
        status, _, pointer = known[name].partition(" at ")
        refused = int(status[:3])
        made = [sandbox.post(path, body) for body in (bodies[:-1] if name in asked else bodies)]
        before = SubscriptionChange.objects.count()
        if name in asked:
            answer = sandbox.post(path, bodies[-1], status=refused)
        else:
            answer = sandbox.call("DELETE", f"{path}/{made[0]['id']}", status=refused)
        assert SubscriptionChange.objects.count() == before
        pointers = [one["pointer"] for one in answer.get("errors", [])]
        assert not pointer or pointers == [pointer.strip("`")], name


def test_the_page_names_the_scenarios_of_changes() -> None:
    named = set(re.findall(r"scenarios/([\w-]+\.json)", PAGE))
    files = {path.name for path in (DOCS / "scenarios").glob("*.json")}
    of_changes = page("scenarios.md").split("### Changes of subscriptions\n")[1]
    assert named == files & set(re.findall(r"scenarios/([\w-]+\.json)", of_changes))
    assert len(named) >= 10
