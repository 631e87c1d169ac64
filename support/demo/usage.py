"""The demo's usage: what the customers' documents send, day by day. Pure, and the same every time.

Most events arrive when their day is over. Some come again, some late, and some are no good.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from neruba.period import rfc3339
from support.demo.catalog import READ, STORED
from support.demo.world import ENDS_AT, OPENS_AT, Firm

SEED = 20260831
READER = "https://reader.inkwell.example/"
ARCHIVE = "https://archive.inkwell.example/"

DAY = timedelta(days=1)
SATURDAY = 5
OPENING_HOUR, CLOSING_HOUR = 7, 19
MEASURED_AT_HOUR = 2
MAX_PAGES = 24
LANGUAGES = {"US": ("en", "en", "en", "es"), "DE": ("de", "de", "en")}
OTHER_LANGUAGES = ("de", "nl", "en")
REPEATED = 12

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delay:
    """The events of one firm and day that arrive at `arrives_at` only."""

    customer: str
    day: datetime
    arrives_at: datetime


# The first comes within the grace of October's invoice and is billed with it; the second after it.
DELAYS = (
    Delay(
        "alder-insurance", datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 11, 1, 15, tzinfo=UTC)
    ),
    Delay("beacon-title", datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 3, 8, tzinfo=UTC)),
)

# This event is voided the day after.
VOIDED_EVENT = "harbour-and-sons-20260914-001"
VOIDED_AT = datetime(2026, 9, 15, 10, tzinfo=UTC)
VOID_REASON = "A test page: the customer calibrated the scanner"

# What was sent and refused, with the number of times that it came.
BROKEN: tuple[tuple[datetime, int, Body], ...] = (
    (
        datetime(2026, 9, 9, 12, tzinfo=UTC),
        1,
        {
            "id": "pinecrest-realty-20260909-x1",
            "source": READER,
            "type": READ,
            "subject": "pinecrest-realty",
            "time": "2026-09-09T11:40:00Z",
            "data": {"pages": "twelve", "language": "en"},
        },
    ),
    (
        datetime(2026, 10, 6, 9, tzinfo=UTC),
        3,
        {
            "source": READER,
            "type": READ,
            "subject": "tidewater-claims",
            "time": "2026-10-06T08:12:00Z",
            "data": {"pages": 4, "language": "en"},
        },
    ),
    (
        datetime(2026, 11, 2, 14, tzinfo=UTC),
        1,
        {
            "id": "foxglove-clinics-20270102-001",
            "source": READER,
            "type": READ,
            "subject": "foxglove-clinics",
            "time": "2027-01-02T14:00:00Z",
            "data": {"pages": 7, "language": "en"},
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events that arrive together at an instant of the project's clock."""

    at: datetime
    bodies: Sequence[Body]


def deliveries(firms: Sequence[Firm]) -> Iterator[Delivery]:
    """All that is sent, in order of time; the same for the same firms.

    On Mondays the last events of the day before are sent a second time.
    """
    arriving: dict[datetime, list[Body]] = defaultdict(list)
    held = {(delay.customer, delay.day): delay.arrives_at for delay in DELAYS}
    random = Random(SEED)  # noqa: S311
    day, before = OPENS_AT, list[Body]()
    while day + DAY <= ENDS_AT:
        sent: list[Body] = []
        for firm in firms:
            bodies = _day_of(firm, day, random)
            if (firm.key, day) in held:
                arriving[held[firm.key, day]] += bodies
            else:
                sent += bodies
        again = before[-REPEATED:] if day.weekday() == 0 else []
        arriving[day + DAY] += sent + again
        day, before = day + DAY, sent
    for at, times, body in BROKEN:
        arriving[at] += [body] * times
    for at in sorted(arriving):
        yield Delivery(at, arriving[at])


def _day_of(firm: Firm, day: datetime, random: Random) -> list[Body]:
    """A firm's events of one UTC day, from its start on."""
    documents = firm.documents if day.weekday() < SATURDAY else firm.documents // 3
    times = sorted(
        day
        + timedelta(
            hours=random.randrange(OPENING_HOUR, CLOSING_HOUR), seconds=random.randrange(3600)
        )
        for _ in range(random.randrange(3 * documents // 2 + 1))
    )
    languages = LANGUAGES.get(firm.country, OTHER_LANGUAGES)
    bodies: list[Body] = [
        {
            "id": f"{firm.key}-{day:%Y%m%d}-{number:03d}",
            "source": READER,
            "type": READ,
            "subject": firm.key,
            "time": rfc3339(time),
            "data": {"pages": random.randrange(1, MAX_PAGES), "language": random.choice(languages)},
        }
        for number, time in enumerate(times, 1)
    ]
    if firm.stores:
        bodies.append(_level(firm, day, random))
    begins = rfc3339(firm.starts_at)
    return [body for body in bodies if body["time"] >= begins]


def _level(firm: Firm, day: datetime, random: Random) -> Body:
    """What the archive holds for a firm on a night: it grows, and now and then something is
    deleted.
    """
    nights = (day - OPENS_AT).days
    tenths = firm.documents * (40 + 4 * nights) + random.randrange(60)
    return {
        "id": f"{firm.key}-{day:%Y%m%d}",
        "source": ARCHIVE,
        "type": STORED,
        "subject": firm.key,
        "time": rfc3339(day + timedelta(hours=MEASURED_AT_HOUR)),
        "data": {"gb": Decimal(tenths).scaleb(-1)},
    }
