"""From a CloudEvent as decoded JSON to an event as it is stored: strict, exact, the same for every
notation.

Pure: no Django, no clock. See docs/usage.md for identity and content.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from neruba.decimals import plain
from neruba.period import parse_instant, rfc3339

Scalar = str | int | Decimal | bool | None

MAX_IDENTIFIER = 255
MAX_DIGITS = 40  # of a number, on either side of the point
TOO_LONG = 10**MAX_DIGITS
MAX_PROPERTIES = 250
MAX_DATA_BYTES = 64 * 1024
MAX_EXTENSIONS = 50
MAX_EXTENSION = 1000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

NUMBERS = (int, Decimal)
SPEC_VERSION = "1.0"
JSON_CONTENT_TYPE = re.compile(r"(?i:application/([a-z0-9.+-]+\+)?json)\s*(;.*)?")
# 1 to 255 characters, none a control character, neither end white space.
IDENTIFIER = re.compile(r"(?!\s)[^\x00-\x1f\x7f-\x9f]{1,255}(?<!\s)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# CloudEvents 1.0, "Naming Conventions": lower-case letters and digits.
EXTENSION_NAME = re.compile(r"[a-z0-9]{1,64}")
CONTEXT = frozenset(
    {"id", "source", "type", "subject", "time", "data", "specversion", "subscription"}
)

_decode: msgspec.json.Decoder[dict[str, Scalar]] = msgspec.json.Decoder(float_hook=Decimal)
_encode = msgspec.json.Encoder(order="deterministic").encode
# A body that failed may hold any number; it is kept as it was understood.
_encode_anything = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


class EventError(ValueError):
    """The event cannot be accepted. `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event that validates.

    `time` is None where it was left out, so that arrival counts; `data` is the flat object, `text`
    its canonical JSON. `content_hash` covers identity and content: source, id, type, subject, time,
    data, and the subscription where one is named. A time left out is hashed as null: the same
    request sent again later is the same content.
    """

    source: str
    id: str
    type: str
    subject: str
    time: datetime | None
    data: Mapping[str, Scalar]
    text: str
    subscription: str
    extensions: str
    content_hash: bytes

    @property
    def identity(self) -> tuple[str, str]:
        return self.source, self.id

    def hash_at(self, time: datetime | None) -> bytes:
        """The content hash that the event would have with this time."""
        return content_hash(
            source=self.source,
            event_id=self.id,
            kind=self.type,
            subject=self.subject,
            time=time,
            text=self.text,
            subscription=self.subscription,
        )


def normalize(body: object, *, specversion_required: bool = False) -> Event:
    """Read one decoded CloudEvent. Raises EventError with the first fault found."""
    if not isinstance(body, dict):
        raise EventError("not_an_object", "An event is a JSON object.")
    event_id, source = _identifier(body, "id"), _identifier(body, "source")
    kind, subject = _identifier(body, "type"), _identifier(body, "subject")
    _check_version(body, required=specversion_required)
    time = _time(body.get("time"))
    subscription = "" if body.get("subscription") is None else _identifier(body, "subscription")
    data = _data(body.get("data"))
    text = data_text(data)
    if len(text) > MAX_DATA_BYTES:
        raise EventError("data_too_large", f"data is larger than {MAX_DATA_BYTES} bytes.")
    return Event(
        source=source,
        id=event_id,
        type=kind,
        subject=subject,
        time=time,
        data=data,
        text=text,
        subscription=subscription,
        extensions="{}" if body.keys() <= CONTEXT else _extensions(body),
        content_hash=content_hash(
            source=source,
            event_id=event_id,
            kind=kind,
            subject=subject,
            time=time,
            text=text,
            subscription=subscription,
        ),
    )


def content_hash(
    *,
    source: str,
    event_id: str,
    kind: str,
    subject: str,
    time: datetime | None,
    text: str,
    subscription: str,
) -> bytes:
    """SHA-256 of the JSON array of identity and content; `text` is the canonical JSON of the data.

    The subscription is the array's last member only where one is named.
    """
    instant = None if time is None else rfc3339(time)
    parts: list[object] = [source, event_id, kind, subject, instant, msgspec.Raw(text.encode())]
    if subscription:
        parts.append(subscription)
    return hashlib.sha256(_encode(parts)).digest()


def data_text(data: Mapping[str, Scalar]) -> str:
    """Canonical JSON of a flat object: keys in the order of their UTF-8 bytes, numbers in plain
    notation.

    1, 1.0 and 1e0 are all written 1: notation is no content, while 1 and "1" differ.
    """
    if Decimal in map(type, data.values()):
        return _encode({key: _plain(value) for key, value in data.items()}).decode()
    return _encode(data).decode()


def read_data(text: str) -> dict[str, Scalar]:
    """The flat object that `data_text` wrote, numbers exact."""
    return _decode.decode(text)


def body_text(body: object) -> str:
    """A body that was refused, as JSON: the same text for the same body, whatever its order of
    keys.
    """
    return _encode_anything(body).decode()


def _plain(value: Scalar) -> object:
    return msgspec.Raw(plain(value).encode()) if isinstance(value, Decimal) else value


def _identifier(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if isinstance(value, str) and IDENTIFIER.fullmatch(value):
        return value
    raise _identifier_error(name, value)


def _identifier_error(name: str, value: object) -> EventError:
    if value is None:
        return EventError("missing", f"{name} is missing.")
    if not isinstance(value, str):
        return EventError("not_text", f"{name} is not a string.")
    if not 0 < len(value) <= MAX_IDENTIFIER:
        return EventError("length", f"{name} must have 1 to {MAX_IDENTIFIER} characters.")
    if CONTROL.search(value):
        return EventError("control", f"{name} has control characters.")
    return EventError("outer_space", f"{name} has outer white space.")


def _check_version(body: Mapping[str, object], *, required: bool) -> None:
    version = body.get("specversion")
    if version is None and required:
        raise EventError("missing", "specversion is missing.")
    if version is not None and version != SPEC_VERSION:
        raise EventError("specversion", f"specversion must be {SPEC_VERSION!r}.")


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise EventError("time", "time is not a string of RFC 3339.")
    try:
        instant = parse_instant(value)
    except ValueError as error:
        raise EventError("time", f"time: {error}.") from None
    if instant < EARLIEST:
        raise EventError("time", "time lies before 1970.")
    return instant


def _data(value: object) -> dict[str, Scalar]:
    """Nothing, null and {} are the same data."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EventError("data", "data is not an object.")
    if len(value) > MAX_PROPERTIES:
        raise EventError("data", f"data has more than {MAX_PROPERTIES} properties.")
    for name, member in value.items():
        if len(name) > MAX_IDENTIFIER:
            raise EventError("data", f"data: a name has more than {MAX_IDENTIFIER} characters.")
        if isinstance(member, NUMBERS):
            _check_number(name, member)
        elif member is not None and not isinstance(member, str):
            raise EventError("data", f"data: {name!r} is not a string, number, boolean or null.")
    return value


def _check_number(name: str, number: Decimal | int) -> None:
    """Refuse numbers whose plain notation would be absurdly long."""
    if isinstance(number, int):
        too_long = not -TOO_LONG < number < TOO_LONG
    else:
        exponent = number.as_tuple().exponent
        too_long = (
            not isinstance(exponent, int)
            or number.adjusted() >= MAX_DIGITS
            or exponent < -MAX_DIGITS
        )
    if too_long:
        raise EventError(
            "number", f"data: {name!r} has more than {MAX_DIGITS} digits on a side of its point."
        )


def _extensions(body: Mapping[str, object]) -> str:
    """Extension attributes (and the optional ones of CloudEvents) as canonical JSON: kept, but no
    content.
    """
    kept: dict[str, Scalar] = {}
    for name, value in body.items():
        if name in CONTEXT or value is None:
            continue
        if not EXTENSION_NAME.fullmatch(name):
            raise EventError(
                "unknown_attribute",
                f"{name[:64]!r} is no attribute; an extension has lower-case letters and digits.",
            )
        if not isinstance(value, str | bool | int) or len(str(value)) > MAX_EXTENSION:
            raise EventError(
                "extension",
                f"{name} must be a boolean, an integer or at most {MAX_EXTENSION} characters.",
            )
        kept[name] = value
    if len(kept) > MAX_EXTENSIONS:
        raise EventError("extension", f"More than {MAX_EXTENSIONS} extension attributes.")
    content_type = kept.get("datacontenttype", "application/json")
    if not isinstance(content_type, str) or not JSON_CONTENT_TYPE.fullmatch(content_type):
        raise EventError("datacontenttype", "datacontenttype must be JSON.")
    return data_text(kept)
