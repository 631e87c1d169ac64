"""One event: what is read, what is refused, and when two notations are one content."""

import hashlib
from typing import Any

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from ingest.normalize import EventError, normalize, read_data
from neruba.api.parsers import decode_json

EVENT: dict[str, Any] = {
    "id": "a1",
    "source": "/meters/7",
    "type": "call",
    "subject": "acme",
    "time": "2026-01-01T12:00:00Z",
    "data": {"n": 1, "model": "large"},
}


def sent(**changes: Any) -> Any:
    """The event with changes, by way of JSON; None takes an attribute out."""
    body = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    return decode_json(msgspec.json.encode(body))


def as_json(text: str) -> bytes:
    return normalize(decode_json(text.encode())).content_hash


WITH_DATA = (
    '{"id":"a","source":"s","type":"t","subject":"u","time":"2026-01-01T00:00:00Z","data":%s}'
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n":1}', '{"n":1.0}'),
        ('{"n":1}', '{"n":1e0}'),
        ('{"n":100}', '{"n":1E+2}'),
        ('{"n":0.5}', '{"n":5.00e-1}'),
        ('{"n":0}', '{"n":-0.0}'),
        ('{"a":1,"b":2}', ' { "b" : 2, "a" : 1 } '),
        ('{"a":"\\u00e9"}', '{"a":"é"}'),
        ("{}", "null"),
    ],
)
def test_notation_is_no_content(one: str, other: str) -> None:
    assert as_json(WITH_DATA % one) == as_json(WITH_DATA % other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n":1}', '{"n":"1"}'),
        ('{"n":1}', '{"n":true}'),
        ('{"n":null}', "{}"),
        ('{"n":123456789012345678}', '{"n":123456789012345679}'),
        ('{"n":0.1}', '{"n":0.1000000000000000055511151231257827}'),
        ('{"a":"e"}', '{"a":"é"}'),
    ],
)
def test_values_are_content(one: str, other: str) -> None:
    assert as_json(WITH_DATA % one) != as_json(WITH_DATA % other)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "A1"},
        {"id": "Á1"},
        {"source": "/meters/8"},
        {"type": "sms"},
        {"subject": "Acme"},
        {"time": "2026-01-01T12:00:00.000001Z"},
        {"time": None},
        {"subscription": "sub-1"},
    ],
)
def test_each_attribute_is_content(changes: dict[str, Any]) -> None:
    assert normalize(sent(**changes)).content_hash != normalize(EVENT).content_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2026-01-01T13:00:00.000+01:00"},
        {"specversion": "1.0"},
        {"traceparent": "00-abc"},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"subscription": None},
    ],
)
def test_other_offsets_and_extensions_are_no_content(changes: dict[str, Any]) -> None:
    assert normalize(sent(**changes)).content_hash == normalize(EVENT).content_hash


def test_numbers_come_back_to_the_last_digit() -> None:
    text = '{"big":1234567890123456789012345678901234567890,"small":0.000000000000000000001}'
    event = normalize(decode_json((WITH_DATA % text).encode()))
    assert event.text == text
    assert read_data(event.text) == event.data


def test_extensions_are_kept() -> None:
    assert normalize(sent(traceparent="00-abc", retries=3)).extensions == (
        '{"retries":3,"traceparent":"00-abc"}'
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": None}, "missing"),
        ({"source": None}, "missing"),
        ({"subject": None}, "missing"),
        ({"type": None}, "missing"),
        ({"id": 7}, "not_text"),
        ({"id": ""}, "length"),
        ({"id": "x" * 256}, "length"),
        ({"id": "a1 "}, "outer_space"),
        ({"id": "\u00a0a1"}, "outer_space"),
        ({"id": "a\n1"}, "control"),
        ({"subscription": ""}, "length"),
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": [1]}, "specversion"),
        ({"time": "2026-01-01T12:00:00"}, "time"),
        ({"time": "2026-01-01"}, "time"),
        ({"time": "2026-02-30T00:00:00Z"}, "time"),
        ({"time": 1767225600}, "time"),
        ({"time": "1969-12-31T23:59:59Z"}, "time"),
        ({"data": [1]}, "data"),
        ({"data": {"a": {"b": 1}}}, "data"),
        ({"data": {"a": [1]}}, "data"),
        ({"data": {str(n): n for n in range(251)}}, "data"),
        ({"data": {"a": 10**40}}, "number"),
        ({"data": {"a": "x" * 70_000}}, "data_too_large"),
        ({"customerId": "acme"}, "unknown_attribute"),
        ({"event_id": "x"}, "unknown_attribute"),
        ({"trace": {"a": 1}}, "extension"),
        ({"trace": "x" * 1001}, "extension"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
    ],
)
def test_what_is_not_valid_is_refused_with_a_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(EventError) as refusal:
        normalize(sent(**changes))
    assert refusal.value.code == code


@pytest.mark.parametrize("number", ["1e400", "1e-41", "-1e999999999"])
def test_numbers_beyond_all_sense_are_refused(number: str) -> None:
    with pytest.raises(EventError) as refusal:
        normalize(decode_json((WITH_DATA % f'{{"n":{number}}}').encode()))
    assert refusal.value.code == "number"


@pytest.mark.parametrize("body", [None, 5, "event", [EVENT], True])
def test_an_event_is_an_object(body: object) -> None:
    with pytest.raises(EventError, match="object"):
        normalize(body)


def test_the_cloudevents_types_require_the_version() -> None:
    with pytest.raises(EventError, match="specversion"):
        normalize(EVENT, specversion_required=True)
    assert normalize({**EVENT, "specversion": "1.0"}, specversion_required=True).id == "a1"


def test_an_event_of_the_official_sdk_is_read() -> None:
    attributes = {name: EVENT[name] for name in ("id", "source", "type", "subject")}
    theirs = CloudEvent({**attributes, "specversion": "1.0"}, EVENT["data"])
    event = normalize(decode_json(JSONFormat().write(theirs)), specversion_required=True)
    assert (event.identity, event.subject, event.data) == (
        ("/meters/7", "a1"),
        "acme",
        EVENT["data"],
    )


def test_the_content_hash_is_what_the_documents_say() -> None:
    event = normalize({**sent(time="2026-01-01T13:00:00+01:00"), "subscription": "sub-1"})
    text = (
        '["/meters/7","a1","call","acme","2026-01-01T12:00:00.000000Z",'
        '{"model":"large","n":1},"sub-1"]'
    )
    assert event.content_hash == hashlib.sha256(text.encode()).digest()
