"""One body that was refused: what was sent, where its fault is, what became of it."""

from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import QuerySet

from ingest.models import FailedEvent
from ingest.normalize import CONTEXT
from neruba.models import AuditRecord

OBJECT_TYPE = "failed_event"  # of its audit records
OF_DATA, OF_METER = "data: ", "cannot use it: "

_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


def sent_body(failed: FailedEvent) -> object:
    """The body as it was understood when it came, numbers exact."""
    return _decode.decode(failed.body)


def fault_pointer(body: object, detail: str) -> str:
    """The JSON pointer of the member at fault; empty where that is the whole body.

    Read from the sentence that says what is wrong, which names the attribute, or the property of
    `data`, before anything else.
    """
    if not isinstance(body, dict):
        return ""
    data = body.get("data")
    for mark in (OF_DATA, OF_METER):
        before, found, sentence = detail.partition(mark)
        if found and (mark == OF_METER or not before):
            names = data if isinstance(data, dict) else ()
            return next(
                (_pointer("data", name) for name in names if _begins(sentence, name)), "/data"
            )
    attribute = detail.partition(" ")[0].rstrip(":").strip("'\"")
    return _pointer(attribute) if attribute in CONTEXT or attribute in body else ""


def _begins(sentence: str, name: str) -> bool:
    return sentence.startswith(f"{name!r} ")


def _pointer(*names: str) -> str:
    """RFC 6901."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def decisions_on(failed: FailedEvent) -> QuerySet[AuditRecord]:
    """What people and keys did with it, the latest first."""
    return AuditRecord.objects.filter(
        project=failed.project, object_type=OBJECT_TYPE, object_id=failed.body_hash
    )
