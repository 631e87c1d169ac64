"""Look and navigation of the operator console."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

# What an operator looks for, in order. A model that the console does not show is left out, and one
# that is missing here is found under the last title.
NAVIGATION: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "Customers",
        [
            ("Customers", "group", "neruba.customer"),
            ("Subscriptions", "autorenew", "billing.subscription"),
            ("Charges", "add_card", "billing.charge"),
            ("Wallets", "account_balance_wallet", "ledger.wallet"),
            ("Credits", "redeem", "ledger.grant"),
            ("Approvals", "how_to_reg", "neruba.approval"),
        ],
    ),
    (
        "Billing",
        [
            ("Invoices", "receipt_long", "billing.invoice"),
            ("Credit notes", "assignment_return", "billing.creditnote"),
            ("Payments", "payments", "payments.payment"),
            ("Billing runs", "play_circle", "billing.billingrun"),
            ("Customers in runs", "person_alert", "billing.runitem"),
            ("Late usage", "schedule", "billing.lateusage"),
        ],
    ),
    (
        "Payments",
        [
            ("Payments", "payments", "payments.payment"),
            ("Checkout sessions", "shopping_cart", "payments.checkoutsession"),
            ("Refunds", "undo", "payments.refund"),
            ("Disputes", "gavel", "payments.dispute"),
            ("Sold packs", "local_mall", "payments.packsale"),
            ("Booked by Stripe", "swap_vert", "payments.providertransaction"),
            ("Paid out by Stripe", "output", "payments.payouttransaction"),
            ("Received webhooks", "webhook", "payments.providereventwork"),
            ("Webhooks as they came", "inbox", "payments.providerevent"),
        ],
    ),
    (
        "Catalogue",
        [
            ("Plans", "sell", "billing.plan"),
            ("Plan versions", "layers", "billing.planversion"),
            ("Prices", "price_change", "billing.price"),
            ("Coupons", "percent", "billing.coupon"),
            ("Redeemed coupons", "confirmation_number", "billing.redemption"),
            ("Tax rates", "account_balance_wallet", "neruba.taxrate"),
            ("Credit packs", "redeem", "payments.creditpack"),
            ("Meters", "speed", "ingest.meter"),
        ],
    ),
    (
        "Usage",
        [
            ("Events", "bolt", "ingest.usageevent"),
            ("Failed events", "error", "ingest.failedevent"),
            ("Retractions", "undo", "ingest.eventretraction"),
            ("Archives", "inventory_2", "ingest.eventarchive"),
            ("Daily totals", "calendar_month", "ingest.usagewindow"),
        ],
    ),
    (
        "Ledger",
        [
            ("Accounts", "account_balance", "ledger.account"),
            ("Journal", "menu_book", "ledger.journalentry"),
            ("Transfers", "swap_horiz", "ledger.transfer"),
        ],
    ),
    (
        "Background work",
        [
            ("Leases", "lock_clock", "neruba.lease"),
            ("Outbox", "outbox", "neruba.outboxmessage"),
            ("Heartbeats", "ecg_heart", "neruba.heartbeat"),
            ("Invariants", "verified", "neruba.invariantcheck"),
        ],
    ),
    (
        "Access & audit",
        [
            ("Project", "folder_open", "neruba.project"),
            ("Members", "group", "neruba.membership"),
            ("Invites", "mail", "neruba.invite"),
            ("API keys", "key", "neruba.apikey"),
            ("Secrets", "encrypted", "neruba.projectsecret"),
            ("Audit", "history", "neruba.auditrecord"),
            ("Operators", "badge", "neruba.user"),
            ("Operators' tokens", "vpn_key", "neruba.operatortoken"),
            ("Roles", "admin_panel_settings", "auth.group"),
            ("Login failures", "lock_person", "axes.accessattempt"),
            ("All failed logins", "gpp_bad", "axes.accessfailurelog"),
        ],
    ),
]
REST = "More"
# Pages that are about no single row: title, icon, name of the address, permissions needed.
BOOKS = ("ledger.view_account", "ledger.view_transfer")
FINANCE: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("Trial balance", "balance", "trial_balance", BOOKS),
    (
        "Receivables ageing",
        "hourglass_bottom",
        "receivables_ageing",
        (*BOOKS, "billing.view_invoice"),
    ),
    (
        "Reconciliation",
        "rule",
        "reconciliation",
        (*BOOKS, "billing.view_invoice", "payments.view_providertransaction"),
    ),
    ("Ledger export", "download", "ledger_export", (*BOOKS, "ledger.view_journalentry")),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The lists that the operator may see, under the titles above."""
    # The apps are not ready when settings are read.
    from django.contrib import admin  # noqa: PLC0415

    from neruba.admin.approvals import badge  # noqa: PLC0415
    from neruba.admin.place import project_of  # noqa: PLC0415

    lists = {
        model._meta.label_lower: model_admin
        for model, model_admin in admin.site._registry.items()  # noqa: SLF001
        if model_admin.has_view_permission(request)
    }

    def item(title: str, icon: str, name: str) -> dict[str, Any]:
        address = reverse(f"admin:{name.replace('.', '_')}_changelist")
        found: dict[str, Any] = {"title": title, "icon": icon, "link": address}
        # The number itself: of a callback that finds nothing unfold shows what it returned.
        if name == "neruba.approval" and (count := badge(request)):
            found["badge"] = count
        return found

    project = project_of(request)
    groups: list[dict[str, Any]] = [
        {
            "items": [
                {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")},
                {
                    "title": f"Project: {project.name}" if project else "Choose a project",
                    "icon": "swap_horiz",
                    "link": reverse("choose_project"),
                },
            ]
        }
    ]
    reports = [
        {"title": title, "icon": icon, "link": reverse(name)}
        for title, icon, name, permissions in FINANCE
        if project and all(request.user.has_perm(permission) for permission in permissions)
    ]
    groups.append({"title": "Finance", "items": reports, "separator": True})
    named = set()
    for title, entries in NAVIGATION:
        named |= {name for _, _, name in entries}
        items = [item(*entry) for entry in entries if entry[2] in lists]
        groups.append({"title": title, "items": items, "separator": True})
    rest = [
        item(str(lists[name].opts.verbose_name_plural).capitalize(), "table_rows", name)
        for name in sorted(lists.keys() - named)
    ]
    groups.append({"title": REST, "items": rest, "separator": True, "collapsible": True})
    return [group for group in groups if group["items"]]


def environment(request: HttpRequest) -> tuple[str, str] | None:
    """Where the operator stands, at the top of every page: what is live is red."""
    from neruba.admin.place import place_of  # noqa: PLC0415 - as above

    place = place_of(request)
    if place.project is None:
        return None
    entered = f", entered until {place.entered_until:%H:%M} UTC" if place.entered_until else ""
    is_live = place.project.mode == "live"
    words = f"{place.project.slug} ({place.project.mode}{entered})"
    return words, "danger" if is_live or entered else "info"


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Neruba",
    "SITE_HEADER": "Neruba",
    "SITE_SUBHEADER": "Billing back office",
    "SITE_SYMBOL": "receipt_long",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("neruba/icon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda _request: static("neruba/console.css")],
    "ENVIRONMENT": "neruba.settings.console.environment",
    "DASHBOARD_CALLBACK": "support.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": navigation},
}
