"""Stripe's own client on the fake: what passes, and what is refused and how."""

from typing import Any

import pytest
import requests
import stripe

from bin.lib.fake_stripe import ControlError, Running, running_fake_stripe
from tests.fake_stripe.conftest import client_of


def pay(api: stripe.StripeClient, token: str = "pm_card_visa", **more: Any) -> Any:
    params: Any = {
        "amount": 5000,
        "currency": "usd",
        "confirm": True,
        "payment_method": token,
        **more,
    }
    return api.v1.payment_intents.create(params)


def count(api: stripe.StripeClient) -> int:
    return len(api.v1.payment_intents.list({"limit": 100}).data)


def raw(fake: Running, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {fake.key}", **more.pop("headers", {})}
    return requests.request(method, f"{fake.url}{path}", headers=headers, timeout=10, **more)


def test_a_wrong_key_is_refused(fake: Running) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client_of(fake, key="sk_test_other").v1.balance.retrieve()


def test_an_unknown_address_is_404(fake: Running) -> None:
    answer = raw(fake, "GET", "/v1/tax_rates")

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"amount": "5", "currency": "usd", "amuont": "5"}, "parameter_unknown", "amuont"),
        (
            {"amount": "5", "currency": "usd", "shipping[phon]": "5"},
            "parameter_unknown",
            "shipping[phon]",
        ),
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "5.0", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "0", "currency": "usd"}, "parameter_invalid_integer", "amount"),
    ],
)
def test_wrong_parameters_are_refused_and_nothing_is_made(
    fake: Running, api: stripe.StripeClient, form: dict[str, str], code: str, param: str
) -> None:
    answer = raw(fake, "POST", "/v1/payment_intents", data=form)

    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
    assert count(api) == 0


def test_answers_name_the_request_and_the_version(fake: Running) -> None:
    headers = raw(fake, "GET", "/v1/balance", headers={"Stripe-Version": "2025-01-01"}).headers

    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == "2025-01-01"


def test_the_same_key_and_content_replay_the_first_answer(fake: Running) -> None:
    form = {"amount": "100", "currency": "usd"}
    first, again = (
        raw(fake, "POST", "/v1/payment_intents", data=form, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )

    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_with_other_content_is_refused(api: stripe.StripeClient) -> None:
    api.v1.payment_intents.create({"amount": 1, "currency": "usd"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        api.v1.payment_intents.create({"amount": 2, "currency": "usd"}, {"idempotency_key": "k"})

    assert count(api) == 1


def test_a_key_is_kept_for_each_account(fake: Running, api: stripe.StripeClient) -> None:
    for account in ("acct_1", "acct_2"):
        api.v1.payment_intents.create(
            {"amount": 1, "currency": "usd"}, {"idempotency_key": "k", "stripe_account": account}
        )

    assert count(api) == 2


def test_a_refusal_by_its_parameters_does_not_use_the_key_up(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.create({"amount": 0, "currency": "usd"}, {"idempotency_key": "k"})

    api.v1.payment_intents.create({"amount": 5, "currency": "usd"}, {"idempotency_key": "k"})


def test_a_payment_books_the_charge_with_its_fee(api: stripe.StripeClient) -> None:
    intent = pay(api, expand=["latest_charge.balance_transaction"])

    moved = intent.latest_charge.balance_transaction
    assert (intent.status, intent.amount_received) == ("succeeded", 5000)
    assert (moved.amount, moved.fee, moved.net) == (5000, 175, 4825)
    assert api.v1.balance.retrieve().available[0].amount == 4825


@pytest.mark.parametrize(("amount", "fee"), [(1, 30), (17, 30), (18, 31), (50, 31), (52, 32)])
def test_fees_are_rounded_half_up(api: stripe.StripeClient, amount: int, fee: int) -> None:
    intent = pay(api, amount=amount, expand=["latest_charge.balance_transaction"])

    assert intent.latest_charge.balance_transaction.fee == fee


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_visa_chargeDeclined", "card_declined"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_a_declined_card_takes_nothing_and_can_be_followed_by_another(
    api: stripe.StripeClient, token: str, code: str
) -> None:
    with pytest.raises(stripe.CardError) as raised:
        pay(api, token)
    assert (raised.value.http_status, raised.value.code) == (402, code)
    assert api.v1.balance_transactions.list().data == []

    intent = api.v1.payment_intents.list().data[0]
    assert intent.status == "requires_payment_method"
    api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_decline_is_replayed_by_its_key(api: stripe.StripeClient) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            api.v1.payment_intents.create(
                {
                    "amount": 5,
                    "currency": "usd",
                    "confirm": True,
                    "payment_method": "pm_card_chargeDeclined",
                },
                {"idempotency_key": "k"},
            )

    assert len(api.v1.charges.list().data) == 1


@pytest.mark.parametrize(
    ("passed", "status"), [(True, "succeeded"), (False, "requires_payment_method")]
)
def test_a_card_with_3ds_waits_for_the_payers_bank(
    fake: Running, api: stripe.StripeClient, status: str, *, passed: bool
) -> None:
    intent = pay(api, "pm_card_authenticationRequired")
    assert intent.status == "requires_action"
    assert api.v1.charges.list().data == []

    fake.control(f"authenticate/{intent.id}", passed=passed)

    assert api.v1.payment_intents.retrieve(intent.id).status == status


def test_a_part_of_what_was_authorised_is_captured(api: stripe.StripeClient) -> None:
    intent = pay(api, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5001})

    taken = api.v1.payment_intents.capture(intent.id, {"amount_to_capture": 4000})

    assert (taken.status, taken.amount_received) == ("succeeded", 4000)


def test_a_cancelled_payment_cannot_be_confirmed(api: stripe.StripeClient) -> None:
    intent = api.v1.payment_intents.create({"amount": 5, "currency": "usd"})
    api.v1.payment_intents.cancel(intent.id)

    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert raised.value.code == "payment_intent_unexpected_state"


def test_more_than_what_is_left_is_not_refunded(api: stripe.StripeClient) -> None:
    intent = pay(api)
    api.v1.refunds.create({"payment_intent": intent.id, "amount": 3000})
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.refunds.create({"payment_intent": intent.id, "amount": 2001})
    api.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.refunds.create({"payment_intent": intent.id})

    assert raised.value.code == "charge_already_refunded"
    charge = api.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (5000, True)
    assert api.v1.balance.retrieve().available[0].amount == -175


def test_a_refund_that_fails_brings_the_money_back(fake: Running, api: stripe.StripeClient) -> None:
    refund = api.v1.refunds.create({"payment_intent": pay(api).id, "amount": 1000})

    fake.control(f"refunds/{refund.id}/fail")

    assert api.v1.refunds.retrieve(refund.id).status == "failed"
    assert api.v1.balance.retrieve().available[0].amount == 4825
    with pytest.raises(ControlError):
        fake.control(f"refunds/{refund.id}/fail")


@pytest.mark.parametrize(("outcome", "balance"), [("won", 5000 - 175 - 1500), ("lost", -1675)])
def test_a_dispute_takes_amount_and_fee_until_it_is_won(
    fake: Running, api: stripe.StripeClient, outcome: str, balance: int
) -> None:
    intent = pay(api, "pm_card_createDispute")
    dispute = api.v1.disputes.list({"payment_intent": intent.id}).data[0]
    assert dispute.status == "needs_response"
    assert api.v1.balance.retrieve().available[0].amount == -1675
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.refunds.create({"payment_intent": intent.id})
    assert raised.value.code == "charge_disputed"

    fake.control(f"disputes/{dispute.id}/close", outcome=outcome)

    assert api.v1.disputes.retrieve(dispute.id).status == outcome
    assert api.v1.balance.retrieve().available[0].amount == balance


def test_an_inquiry_moves_no_money(api: stripe.StripeClient) -> None:
    pay(api, "pm_card_createDisputeInquiry")

    assert api.v1.disputes.list().data[0].status == "warning_needs_response"
    assert api.v1.balance.retrieve().available[0].amount == 4825


def test_pages_follow_one_another_without_gap_or_repetition(api: stripe.StripeClient) -> None:
    made = [pay(api, amount=100 + n).id for n in range(7)]

    first = api.v1.payment_intents.list({"limit": 3})
    paged = [row.id for row in first.auto_paging_iter()]

    assert first.has_more
    assert paged == made[::-1]
    before = api.v1.payment_intents.list({"limit": 2, "ending_before": made[2]})
    assert [row.id for row in before.data] == [made[4], made[3]]
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.list({"limit": 101})


def test_an_automatic_payout_lists_rows_that_sum_to_nothing(
    fake: Running, api: stripe.StripeClient
) -> None:
    for n in range(3):
        pay(api, amount=1000 + n)
    first = fake.control("payouts", currency="usd")
    pay(api)
    second = fake.control("payouts", currency="usd", paid=False)

    for payout, number in ((first, 4), (second, 2)):
        page = api.v1.balance_transactions.list({"payout": payout["id"], "limit": 2})
        rows = list(page.auto_paging_iter())
        assert len(rows) == number
        assert sum(row.net for row in rows) == 0
    assert (first["status"], second["status"]) == ("paid", "pending")


def test_a_payout_that_fails_is_back_in_the_balance_and_in_the_next(
    fake: Running, api: stripe.StripeClient
) -> None:
    pay(api)
    payout = fake.control("payouts")
    fake.control(f"payouts/{payout['id']}/fail")
    assert api.v1.balance.retrieve().available[0].amount == 4825

    assert fake.control("payouts")["amount"] == 4825


def test_a_payout_by_hand_is_bounded_and_lists_nothing(api: stripe.StripeClient) -> None:
    pay(api)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.payouts.create({"amount": 4826, "currency": "usd"})
    assert raised.value.code == "balance_insufficient"
    payout = api.v1.payouts.create({"amount": 4825, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError):
        api.v1.balance_transactions.list({"payout": payout.id})


def test_events_are_listed_by_type_and_time(api: stripe.StripeClient) -> None:
    pay(api)
    wanted = api.v1.events.list({"types": ["charge.succeeded", "payment_intent.created"]}).data
    alone = api.v1.events.list({"type": "charge.*"}).data
    created = wanted[0].created

    assert [event.type for event in wanted] == ["charge.succeeded", "payment_intent.created"]
    assert [event.type for event in alone] == ["charge.updated", "charge.succeeded"]
    assert api.v1.events.list({"created": {"gte": created + 60}}).data == []
    assert len(api.v1.events.list({"created": {"gte": created}}).data) >= 2


def test_a_debit_that_is_returned_takes_the_money_back(
    fake: Running, api: stripe.StripeClient
) -> None:
    intent = pay(api)

    fake.control(f"fail_payment/{intent.id}")

    assert api.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"
    assert api.v1.charges.retrieve(str(intent.latest_charge)).status == "failed"
    assert api.v1.balance.retrieve().available[0].amount == -175


def test_the_same_seed_gives_the_same_ids() -> None:
    found = []
    for seed in ("a", "a", "b"):
        with running_fake_stripe(seed=seed) as fake:
            found.append(pay(client_of(fake)).id)

    assert found[0] == found[1] != found[2]
