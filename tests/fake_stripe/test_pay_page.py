"""The payer's page in Chromium."""

import pytest
import stripe

from bin.lib.fake_stripe import Running
from tests.support.test_browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


def test_a_payer_is_declined_then_pays_once_and_is_led_back(
    fake: Running, api: stripe.StripeClient
) -> None:
    session = api.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 1234,
                        "product_data": {"name": "Invoice <1>"},
                    },
                    "quantity": 2,
                }
            ],
            "success_url": f"{fake.url}/pay/thanks?session={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{fake.url}/pay/back",
        }
    )
    address = str(session.url).removeprefix(fake.url)

    with chromium(fake.url) as browser:
        text = browser.visit(address)
        assert "24.68 USD" in text
        assert "Invoice <1>" in text
        assert browser.page.get_attribute("#cancel", "href") == f"{fake.url}/pay/back"
        browser.page.fill("#number", "4000 0000 0000 0002")
        browser.page.click("button")
        assert browser.page.inner_text("[role=alert]") == "Your card was declined."
        browser.page.fill("#number", "4000002500003155")
        browser.page.click("button")
        browser.page.click("button[value=yes]")
        browser.page.wait_for_url(f"{fake.url}/pay/thanks?session={session.id}")
        assert "has been paid" in browser.visit(address)

    assert api.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert api.v1.balance_transactions.list().data[0].amount == 2468
    assert not browser.foreign
