"""A body that was refused is kept exactly, and its fault is found in it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.admin.failed_dialogs import readable
from ingest.aggregation.meter import MeterReader, UnusableError
from ingest.models import FailedEvent
from ingest.normalize import EventError, body_text, normalize
from ingest.selectors.failed import fault_pointer, sent_body
from neruba.api.parsers import decode_json
from tests.factories import event_body

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | TEXTS
    | st.integers(-(10**60), 10**60)
    | st.decimals(allow_nan=False, allow_infinity=False)
)
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(BODIES)
def test_a_body_is_read_back_as_it_was_kept(body: object) -> None:
    kept = body_text(body)
    assert body_text(sent_body(FailedEvent(body=kept))) == kept
    # What the dialog shows and takes back unchanged is the same body.
    assert body_text(decode_json(readable(kept).encode())) == kept


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("1.10", "1.10"),
        ("0.000000001", "1E-9"),
        ("9007199254740993", "9007199254740993"),
        ("1e5", "1E+5"),
        ("-0.0", "-0.0"),
    ],
)
def test_numbers_keep_every_digit(number: str, kept: str) -> None:
    text = body_text(decode_json(f'{{"n":{number}}}'.encode()))
    assert text == f'{{"n":{kept}}}'
    assert readable(text) == f'{{\n  "n": {kept}\n}}'


FAULTS: list[tuple[Any, str]] = [
    ([1], ""),
    ("text", ""),
    (event_body(id=None), "/id"),
    (event_body(source=7), "/source"),
    (event_body(type="x" * 256), "/type"),
    (event_body(subject=" acme"), "/subject"),
    (event_body(subject="a\x00b"), "/subject"),
    (event_body(specversion="0.3"), "/specversion"),
    (event_body(time=5), "/time"),
    (event_body(time="yesterday"), "/time"),
    (event_body(time="1969-12-31T00:00:00Z"), "/time"),
    (event_body(subscription=""), "/subscription"),
    (event_body(data=[]), "/data"),
    (event_body(data={str(n): n for n in range(251)}), "/data"),
    (event_body(data={"text": "x" * 70_000}), "/data"),
    (event_body(data={"x" * 256: 1}), "/data"),
    (event_body(data={"n": 1, "deep": {}}), "/data/deep"),
    (event_body(data={"it's": []}), "/data/it's"),
    (event_body(data={"a/b~c": []}), "/data/a~1b~0c"),
    (event_body(data={"n": 10**41}), "/data/n"),
    (event_body(data={"n": Decimal("1E-41")}), "/data/n"),
    (event_body(Trace="x"), "/Trace"),
    (event_body(trace=[]), "/trace"),
    (event_body(datacontenttype="text/xml"), "/datacontenttype"),
    (event_body(**{f"x{n}": 1 for n in range(51)}), ""),
]


@pytest.mark.parametrize(("body", "pointer"), FAULTS)
def test_a_fault_is_found_where_it_is(body: Any, pointer: str) -> None:
    with pytest.raises(EventError) as caught:
        normalize(body)
    assert fault_pointer(body, caught.value.detail) == pointer


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"n": "many", "tokens": 1}, "/data/n"),
        ({"n": True}, "/data/n"),
        ({"n": "1e99"}, "/data/n"),
        ({"tokens": 1}, "/data"),
        ({"n": None}, "/data"),
        (None, "/data"),
    ],
)
def test_what_a_meter_cannot_use_is_found(data: Any, pointer: str) -> None:
    reader = MeterReader.of(aggregation="sum", value_property="n", filters=[], group_by=[])
    with pytest.raises(UnusableError) as caught:
        reader.value(data or {})
    detail = f"Meter 'tokens' cannot use it: {caught.value}."
    assert fault_pointer(event_body(data=data), detail) == pointer
