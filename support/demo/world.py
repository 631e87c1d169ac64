"""The demo's firm and its 40 customers. Pure.

Inkwell reads documents: each one that it reads is an event with a number of pages, each night it
measures what its archive holds for a customer. All that happens lies between 31 August and
3 November 2026, so that the demo looks the same on every day of every year.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from support.demo.catalog import COMMITTED, GROWTH

PROJECT = "demo"
NAME = "Inkwell Documents"
CURRENCY = "USD"
OPENS_AT = datetime(2026, 8, 31, tzinfo=UTC)
ENDS_AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
# Long enough that the demo ends while a draft waits.
SETTINGS = {"finalization_grace": "P1D", "payment_terms_days": 14}


@dataclass(frozen=True, slots=True)
class Firm:
    """A customer. `documents` is how many it has read on a working day, about; `anchor` empty where
    it has no subscription.
    """

    name: str
    country: str
    city: str
    zone: str
    plan: str
    anchor: str
    starts_at: datetime
    documents: int

    @property
    def key(self) -> str:
        """Its external id."""
        words = self.name.lower().replace("&", "and").replace(".", "").replace("'", "")
        return "-".join(words.split())

    @property
    def stores(self) -> bool:
        """Whether the archive is measured for it."""
        return self.plan in {GROWTH["code"], COMMITTED["code"]}


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _firms(plan: str, country: str, zone: str, *rows: tuple[str, str, str, str, int]) -> list[Firm]:
    return [
        Firm(name, country, city, zone, plan, anchor, _utc(starts), documents)
        for name, city, anchor, starts, documents in rows
    ]


BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
# A calendar month begins at local midnight: 1 September in Berlin is 31 August, 22:00, in UTC.
SEPTEMBER = "2026-09-01T00:00:00+00:00"
SEPTEMBER_IN_BERLIN = "2026-09-01T00:00:00+02:00"
SEPTEMBER_IN_NEW_YORK = "2026-09-01T00:00:00-04:00"

FIRMS: tuple[Firm, ...] = (
    *_firms(
        *("starter", "US", ""),
        ("Harbour & Sons", "Portland", "calendar", SEPTEMBER, 4),
        ("Blue Fern Dental", "Boise", "calendar", SEPTEMBER, 2),
        ("Cartwright Notaries", "Tucson", "calendar", SEPTEMBER, 3),
        ("Lakeside Veterinary", "Madison", "calendar", SEPTEMBER, 2),
        ("Marlow Bookkeeping", "Omaha", "calendar", SEPTEMBER, 5),
        ("Pinecrest Realty", "Denver", "calendar", SEPTEMBER, 3),
        ("Redwood Appraisals", "Eugene", "calendar", SEPTEMBER, 2),
        ("Tidewater Claims", "Norfolk", "calendar", SEPTEMBER, 4),
        ("Oakley Translations", "Austin", "calendar", "2026-09-10T14:30:00+00:00", 3),
        ("Summit Payroll", "Salt Lake City", "calendar", "2026-09-21T08:00:00+00:00", 4),
        ("Wren & Holloway", "Savannah", "anniversary", "2026-08-31T09:00:00+00:00", 3),
        ("Copperfield Estates", "Santa Fe", "anniversary", "2026-09-03T07:15:00+00:00", 3),
        ("Juniper Home Care", "Spokane", "calendar", SEPTEMBER, 2),
        ("Fairbanks Surveyors", "Anchorage", "anniversary", "2026-10-05T16:45:00+00:00", 3),
    ),
    *_firms(
        *("growth", "US", NEW_YORK),
        ("Alder Insurance", "Hartford", "calendar", SEPTEMBER_IN_NEW_YORK, 6),
        ("Beacon Title", "Boston", "calendar", SEPTEMBER_IN_NEW_YORK, 5),
        ("Crestline Logistics", "Newark", "calendar", SEPTEMBER_IN_NEW_YORK, 7),
        ("Dunmore Legal", "Albany", "calendar", SEPTEMBER_IN_NEW_YORK, 5),
        ("Eastgate Mortgage", "Baltimore", "calendar", "2026-09-14T12:00:00-04:00", 6),
    ),
    *_firms(
        *("growth", "US", ""),
        ("Foxglove Clinics", "Reno", "calendar", SEPTEMBER, 5),
        ("Granite Freight", "Cheyenne", "calendar", SEPTEMBER, 6),
        ("Hollis Pharmacy Group", "Tulsa", "calendar", SEPTEMBER, 4),
        ("Ironbridge Audits", "Topeka", "calendar", "2026-10-12T09:30:00+00:00", 5),
        ("Kestrel Aviation Records", "Wichita", "anniversary", "2026-09-08T13:00:00+00:00", 5),
        ("Longview Orchards", "Yakima", "calendar", SEPTEMBER, 3),
    ),
    *_firms(*("committed", "US", ""), ("Meridian Labs", "Durham", "calendar", SEPTEMBER, 4)),
    *_firms(
        *("enterprise-eu", "DE", BERLIN),
        ("Anker Reederei", "Hamburg", "calendar", SEPTEMBER_IN_BERLIN, 8),
        ("Birkenfeld Verlag", "Leipzig", "calendar", SEPTEMBER_IN_BERLIN, 5),
        ("Drossel Versicherung", "Köln", "calendar", SEPTEMBER_IN_BERLIN, 7),
        ("Eichhorn Steuerberatung", "Nürnberg", "calendar", SEPTEMBER_IN_BERLIN, 6),
        ("Falkenstein Archive", "Dresden", "calendar", "2026-09-16T11:00:00+02:00", 5),
        ("Goldregen Kliniken", "Freiburg", "calendar", SEPTEMBER_IN_BERLIN, 6),
        ("Heidekraut Logistik", "Bremen", "anniversary", "2026-09-10T08:30:00+02:00", 5),
    ),
    *_firms(
        *("enterprise-eu", "AT", "Europe/Vienna"),
        ("Kaltenbrunn Papier", "Graz", "calendar", SEPTEMBER_IN_BERLIN, 4),
        ("Lindenhof Notare", "Wien", "calendar", SEPTEMBER_IN_BERLIN, 4),
    ),
    *_firms(
        *("enterprise-eu", "NL", "Europe/Amsterdam"),
        ("De Wit Scheepvaart", "Rotterdam", "calendar", SEPTEMBER_IN_BERLIN, 6),
        ("Molenaar Advocaten", "Utrecht", "calendar", SEPTEMBER_IN_BERLIN, 3),
        ("Van Dam Accountants", "Haarlem", "calendar", SEPTEMBER_IN_BERLIN, 4),
    ),
    *_firms(
        *("none", "US", ""),
        ("Quill & Parchment", "Santa Cruz", "", SEPTEMBER, 0),
        ("Northfield Museum", "Duluth", "", SEPTEMBER, 1),
    ),
)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A coupon that a customer redeems at `at`."""

    customer: str
    coupon: str
    at: datetime


REDEMPTIONS = (Redeemed("granite-freight", "LAUNCH25", datetime(2026, 8, 31, 15, tzinfo=UTC)),)


@dataclass(frozen=True, slots=True)
class OneOff:
    """A charge, asked for at `at`. `at_once`: on an invoice of its own."""

    key: str
    customer: str
    amount: str
    currency: str
    description: str
    at: datetime
    at_once: bool = False


ONE_OFFS = (
    OneOff(
        *("workshop-2026-09", "crestline-logistics", "450.00", "USD"),
        "Workshop on site, half a day",
        datetime(2026, 9, 16, 15, tzinfo=UTC),
        at_once=True,
    ),
    OneOff(
        *("backlog-4711", "marlow-bookkeeping", "120.00", "USD"),
        "Backlog of 1,200 boxed receipts, read in one go",
        datetime(2026, 9, 22, 10, tzinfo=UTC),
    ),
    OneOff(
        *("scan-station-17", "anker-reederei", "1180.00", "EUR"),
        "Scanning station, second hand",
        datetime(2026, 10, 8, 9, tzinfo=UTC),
    ),
    OneOff(
        *("exhibition-2026", "quill-and-parchment", "300.00", "USD"),
        "Reading of one exhibition catalogue",
        datetime(2026, 10, 13, 9, tzinfo=UTC),
    ),
    OneOff(
        *("rush-5002", "alder-insurance", "75.00", "USD"),
        "Rush reading of a court file",
        datetime(2026, 11, 2, 16, tzinfo=UTC),
    ),
)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a firm's subscription changes to, asked for at `at`: `type` and `given` as in the
    API.
    """

    customer: str
    type: str
    given: Mapping[str, Any]
    reason: str
    at: datetime


CHANGES = (
    Changed(
        *("redwood-appraisals", "cancel", {"at": "period_end"}, "The owner retires"),
        datetime(2026, 10, 12, 11, tzinfo=UTC),
    ),
    Changed(
        *("marlow-bookkeeping", "change_plan", {"plan": GROWTH["code"]}, "Outgrew Starter"),
        datetime(2026, 10, 16, 10, tzinfo=UTC),
    ),
    Changed(
        *("hollis-pharmacy-group", "cancel", {"at": "period_end"}, "Moves to its own software"),
        datetime(2026, 11, 2, 9, tzinfo=UTC),
    ),
    Changed(
        *("marlow-bookkeeping", "pause"),
        {"effective_at": datetime(2026, 12, 21, tzinfo=UTC)},
        "Closed over the holidays",
        datetime(2026, 11, 2, 15, tzinfo=UTC),
    ),
)


@dataclass(frozen=True, slots=True)
class Gift:
    """Credit that somebody gives or sells at `at`; what is above their limit is only asked for."""

    customer: str
    by: str
    amount: str
    currency: str
    kind: str
    reason_code: str
    reason: str
    at: datetime
    expires_at: datetime | None = None
    priority: int = 50


GIFTS = (
    Gift(
        *("anker-reederei", "finance", "2000.00", "EUR", "paid", "purchase"),
        "Prepaid for the season, by bank transfer",
        datetime(2026, 9, 10, 9, tzinfo=UTC),
    ),
    Gift(
        *("anker-reederei", "support", "60.00", "EUR", "promotional", "service_failure"),
        "Reading stood still for a morning",
        datetime(2026, 9, 24, 8, tzinfo=UTC),
        expires_at=datetime(2026, 12, 31, 23, tzinfo=UTC),
        priority=10,
    ),
    Gift(
        *("marlow-bookkeeping", "support", "75.00", "USD", "promotional", "goodwill"),
        "The backlog took a week longer than promised",
        datetime(2026, 9, 29, 15, tzinfo=UTC),
        expires_at=datetime(2026, 11, 1, tzinfo=UTC),
    ),
    Gift(
        *("marlow-bookkeeping", "support", "250.00", "USD", "promotional", "goodwill"),
        "They think of leaving; the account manager asks for it",
        datetime(2026, 11, 2, 14, tzinfo=UTC),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    ),
)
