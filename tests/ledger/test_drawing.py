"""Who pays first, and how much."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.drawing import Drawable, Payable, draws
from ledger.templates.credits import GrantKey

AT = datetime(2026, 2, 1, tzinfo=UTC)
EARLIER = AT - timedelta(days=30)


def grant(
    name: str,
    balance: int,
    *,
    kind: str = "promotional",
    priority: int = 50,
    prices: tuple[str, ...] = (),
    effective_at: datetime = EARLIER,
    expires_at: datetime | None = None,
    created: int = 0,
) -> Drawable:
    return Drawable(
        key=GrantKey(name, "paid" if kind == "paid" else "promotional", "USD", "acme"),
        balance_minor=balance,
        priority=priority,
        effective_at=effective_at,
        expires_at=expires_at,
        created=created,
        prices=frozenset(prices),
    )


def drawn(
    lines: list[Payable], grants: list[Drawable], due: int | None = None
) -> list[tuple[str, int]]:
    amount = sum(line.amount_minor for line in lines) if due is None else due
    found = draws(lines, due_minor=amount, grants=grants, at=AT)
    return [(draw.key.grant, draw.amount_minor) for draw in found]


def test_the_worked_example_of_the_docs() -> None:
    lines = [Payable("tokens", 6000), Payable("seats", 4000)]
    grants = [
        grant("A", 3000, kind="paid"),
        grant("B", 2000, expires_at=AT + timedelta(days=28)),
        grant("C", 8000, prices=("tokens",)),
        grant("D", 500),
    ]
    assert drawn(lines, grants) == [("C", 6000), ("B", 2000), ("D", 500), ("A", 1500)]


def test_each_rule_of_the_order_decides_where_those_before_it_are_equal() -> None:
    soon, late = AT + timedelta(days=1), AT + timedelta(days=2)
    ordered = [
        grant("priority", 1, priority=0),
        grant("scoped", 1, prices=("tokens",)),
        grant("soonest", 1, expires_at=soon, kind="paid"),
        grant("later", 1, expires_at=late),
        grant("effective", 1, effective_at=EARLIER - timedelta(days=1)),
        grant("created", 1, created=1),
        grant("created after", 1, created=2),
        grant("paid", 1, kind="paid"),
        grant("last", 1, priority=51),
    ]
    found = drawn([Payable("tokens", 100)], ordered[::-1])
    assert [name for name, _ in found] == [one.key.grant for one in ordered]


def test_it_pays_from_its_first_instant_until_just_before_its_expiry() -> None:
    lines = [Payable("", 100)]
    instant = timedelta(microseconds=1)
    assert drawn(lines, [grant("now", 1, effective_at=AT)]) == [("now", 1)]
    assert drawn(lines, [grant("soon", 1, effective_at=AT + instant)]) == []
    assert drawn(lines, [grant("gone", 1, expires_at=AT)]) == []
    assert drawn(lines, [grant("last", 1, expires_at=AT + instant)]) == [("last", 1)]


def test_scoped_grants_share_what_their_lines_come_to() -> None:
    lines = [Payable("tokens", 100), Payable("seats", 50), Payable("tokens", -30)]
    both = [
        grant("first", 40, prices=("tokens",), created=1),
        grant("second", 100, prices=("tokens", "other"), created=2),
    ]
    assert drawn(lines, both) == [("first", 40), ("second", 30)]
    three = [*both, grant("open", 500)]
    assert drawn(lines, three) == [("first", 40), ("second", 30), ("open", 50)]
    assert drawn(lines, [grant("other", 9, prices=("other",))]) == []


PRICES = ("", "tokens", "seats")
lines_drawn = st.lists(
    st.builds(Payable, st.sampled_from(PRICES), st.integers(-200, 1000)), max_size=5
)
grants_drawn = st.lists(
    st.builds(
        grant,
        name=st.uuids().map(str),
        balance=st.integers(0, 1000),
        kind=st.sampled_from(["paid", "promotional"]),
        priority=st.integers(0, 2),
        prices=st.sampled_from([(), ("tokens",), ("tokens", "seats")]),
        expires_at=st.sampled_from([None, AT, AT + timedelta(days=1)]),
        created=st.integers(0, 3),
    ),
    max_size=6,
)


@given(lines_drawn, grants_drawn, st.integers(-100, 2000))
def test_draws_stay_within_what_is_due_left_and_in_scope(
    lines: list[Payable], grants: list[Drawable], due: int
) -> None:
    found = draws(lines, due_minor=due, grants=grants, at=AT)
    by_name = {one.key.grant: one for one in grants}
    assert sum(draw.amount_minor for draw in found) <= max(due, 0)
    for draw in found:
        one = by_name[draw.key.grant]
        assert 0 < draw.amount_minor <= one.balance_minor
        assert one.pays_at(AT)
    for price in ("tokens", "seats"):
        scoped = [draw for draw in found if by_name[draw.key.grant].prices == {price}]
        of_price = sum(line.amount_minor for line in lines if line.price == price)
        assert sum(draw.amount_minor for draw in scoped) <= max(of_price, 0)
    places = [by_name[draw.key.grant].place for draw in found]
    assert places == sorted(places)
    # What is due is not left unpaid while an open grant could pay it.
    paid = {draw.key.grant: draw.amount_minor for draw in found}
    if sum(paid.values()) < due:
        for one in grants:
            if not one.prices and one.pays_at(AT):
                assert paid.get(one.key.grant, 0) == one.balance_minor
