"""A change of a subscription in Chromium: asked for, shown, confirmed."""

from typing import Any

import pytest
from django.urls import reverse

from billing.models import Subscription, SubscriptionChange
from tests.billing.sandbox import BASE, SEATS, started
from tests.support.console import PASSWORD, superuser
from tests.support.test_browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


def test_seats_are_set_once_the_preview_was_confirmed(live_server: Any) -> None:
    sandbox = started(BASE, SEATS)
    sandbox.subscribe(quantities={"seats": "3"})
    sandbox.clock("2026-01-11T00:00:00Z")
    superuser(PASSWORD)
    row = Subscription.objects.get()
    with chromium(live_server.url) as watched:
        watched.log_in()
        watched.visit(reverse("admin:billing_subscription_change", args=[row.pk]))
        page = watched.page
        page.click("text=tune")
        page.click("text=Set seats")
        page.fill("#dialog input[name=quantity]", "5")
        page.select_option("#dialog select[name=invoice]", "now")
        page.fill("#dialog textarea[name=reason]", "they hired two")
        page.click("#dialog button[type=submit]:has-text('Preview')")
        page.wait_for_selector("#dialog .n-confirm")
        shown = page.inner_text("#dialog .n-preview")
        page.click("#dialog .n-confirm")
        page.wait_for_selector("text=sub was changed (change 2). INV-000002 bills it.")
        text = page.inner_text("body")
    assert "seats: 3 → 5" in shown
    assert "13.55" in shown  # two seats of 10 USD, 21 of 31 days
    assert "they hired two" in text
    change = SubscriptionChange.objects.get(number=2)
    assert (change.type, change.reason) == ("set_quantity", "they hired two")
    assert (watched.foreign, watched.errors) == ([], [])
