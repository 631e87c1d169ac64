"""What changed between two versions of a plan."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.plan import parse_plan_price
from billing.rating.plan_diff import plan_changes
from tests.billing.sandbox import BASE, CALLS, SEATS


def content(*prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "Pro",
        "currency": "USD",
        "interval": "month",
        "interval_count": 1,
        "minimum_commitment": None,
        "prices": [parse_plan_price(price).definition() for price in prices],
        **more,
    }


def tiers(*rows: tuple[str | None, str]) -> dict[str, Any]:
    return {**CALLS, "tiers": [{"up_to": up_to, "unit_amount": unit} for up_to, unit in rows]}


def texts(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [change.text for change in plan_changes(old, new)]


def test_a_plan_says_which_of_its_own_fields_changed() -> None:
    new = content(BASE, name="Pro+", interval_count=3, minimum_commitment="100.00")
    assert texts(content(BASE), new) == [
        "The plan's name changes from 'Pro' to 'Pro+'.",
        "The plan's interval count rises from 1 to 3.",
        "The plan's minimum commitment is now 100.",
    ]
    assert texts(content(BASE), content(BASE, trial_days=14)) == [
        "The plan's trial in days is now 14."
    ]
    (gone,) = plan_changes({**content(BASE), "minimum_commitment": "5.00"}, content(BASE))
    assert (gone.verb, gone.field, gone.old, gone.new) == (
        "removed",
        "/minimum_commitment",
        "5.00",
        None,
    )


def test_prices_come_go_and_move() -> None:
    changes = plan_changes(content(BASE, CALLS), content(SEATS, BASE))
    assert [(one.verb, one.price, one.text) for one in changes] == [
        ("removed", "calls", "Price 'calls' is gone: usage of meter 'calls', graduated."),
        ("added", "seats", "Price 'seats' is new: seat, per unit."),
    ]
    (moved,) = plan_changes(content(BASE, SEATS), content(SEATS, BASE))
    assert (moved.verb, moved.old, moved.new) == ("moved", ["base", "seats"], ["seats", "base"])


def test_each_field_of_a_price_that_changed_is_told_with_both_values() -> None:
    new = {**BASE, "amount": "24.50", "billing": "in_arrears", "prorate": False}
    assert texts(content(BASE), content(new)) == [
        "Price 'base': the billing changes from in advance to in arrears.",
        "Price 'base': the proration changes from yes to no.",
        "Price 'base': the amount falls from 30 to 24.5.",
    ]


def test_a_filter_is_told_by_its_property_and_its_values() -> None:
    filtered = {**CALLS, "filters": [{"property": "region", "in": ["eu", 1]}]}
    assert texts(content(CALLS), content(filtered)) == [
        "Price 'calls': the filter on events is now region \"eu\", 1."
    ]


def test_as_many_tiers_are_compared_one_by_one() -> None:
    old, new = tiers(("100", "1"), (None, "0.5")), tiers(("150", "1"), (None, "0.75"))
    changes = plan_changes(content(old), content(new))
    assert [(one.field, one.old, one.new) for one in changes] == [
        ("/tiers/0/up_to", "100", "150"),
        ("/tiers/1/unit_amount", "0.5", "0.75"),
    ]
    assert changes[1].text == (
        "Price 'calls', tier 2 (above 150): the unit amount rises from 0.5 to 0.75."
    )


def test_a_tier_more_is_one_that_came_and_leaves_the_others_as_they_are() -> None:
    old = tiers(("100", "1"), (None, "0.5"))
    new = tiers(("100", "1"), ("200", "0.75"), (None, "0.5"))
    assert texts(content(old), content(new)) == [
        "Price 'calls': tier 2 (above 100 up to 200) is new: unit amount 0.75, flat amount 0."
    ]
    (gone,) = plan_changes(content(new), content(old))
    assert (gone.verb, gone.field) == ("removed", "/tiers/1")


def test_another_model_takes_the_fields_of_the_one_before_with_it() -> None:
    new = {"code": "calls", "kind": "usage", "meter": "calls", "model": "per_unit"}
    changes = plan_changes(content(CALLS), content({**new, "unit_amount": "2"}))
    assert {(one.verb, one.field) for one in changes} == {
        ("changed", "/model"),
        ("added", "/unit_amount"),
        ("added", "/free_units"),
        ("removed", "/tiers"),
        ("removed", "/first_flat_at_zero"),
    }


SSO = {"feature": "sso", "type": "boolean"}
LIMIT = {"feature": "calls", "type": "limit", "limit": "1000", "meter": "calls"}


def test_entitlements_come_go_change_and_move() -> None:
    bare = {name: value for name, value in LIMIT.items() if name != "meter"}
    old, new = content(entitlements=[LIMIT]), content(entitlements=[{**bare, "limit": "2500"}, SSO])
    changes = plan_changes(old, new)
    assert [(one.verb, one.price, one.field, one.text) for one in changes] == [
        ("changed", None, "/entitlements/0/limit",
         "Entitlement 'calls': the limit rises from 1,000 to 2,500."),
        ("removed", None, "/entitlements/0/meter",
         "Entitlement 'calls': the meter is no longer set; it was 'calls'."),
        ("added", None, "/entitlements/1", "Entitlement 'sso' is new: granted."),
    ]  # fmt: skip
    assert texts(content(entitlements=[LIMIT]), content()) == [
        "Entitlement 'calls' is gone: 1,000 of meter 'calls' each period."
    ]
    both = content(entitlements=[SSO, LIMIT]), content(entitlements=[LIMIT, SSO])
    assert texts(*both) == ["The entitlements stand in another order: calls, sso."]
    limited = content(entitlements=[{**LIMIT, "feature": "sso"}])
    assert texts(content(entitlements=[SSO]), limited)[0] == (
        "Entitlement 'sso': the type changes from boolean to limit."
    )


amounts = st.integers(0, 3).map(str)
bounds = st.sampled_from([("5",), ("10",), ("5", "10"), ()])


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Plans of few values, so that equal ones and near ones come often."""
    rows = [(up_to, draw(amounts)) for up_to in (*draw(bounds), None)]
    fee = {**BASE, "amount": draw(amounts), "billing": draw(st.sampled_from(["in_advance", None]))}
    prices = draw(st.permutations([fee, tiers(*rows), SEATS]))
    granted = draw(
        st.permutations([SSO, {**LIMIT, "limit": draw(amounts)}, {**SSO, "feature": "x"}])
    )
    return content(
        *prices[: draw(st.integers(0, 3))],
        minimum_commitment=draw(st.none() | amounts.map(lambda text: f"{text}.00")),
        entitlements=granted[: draw(st.integers(0, 3))],
    )


@given(plans(), plans())
def test_there_are_no_changes_exactly_where_the_contents_are_equal(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert plan_changes(new, new) == ()
    changes = plan_changes(old, new)
    assert bool(changes) == (old != new)
    # Backwards the same places differ, with the values the other way round.
    back = plan_changes(new, old)
    assert len(back) == len(changes)
    assert sorted(map(repr, ((one.old, one.new) for one in changes))) == sorted(
        map(repr, ((one.new, one.old) for one in back))
    )
