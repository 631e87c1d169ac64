"""Which meter, and which events, stand behind the lines of a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.selectors.documents import Document
from ingest.models import Meter
from neruba.models import Subject


@dataclass(frozen=True, slots=True)
class LineUsage:
    """The usage behind a line: of `meter`, in the time that the line is for, from its first part to
    its last, as text (RFC 3339). A meter that carries over counts the events of its type from the
    first one on.
    """

    meter: str
    meter_id: int
    subject_id: int | None
    event_type: str
    carries_over: bool
    start: str
    end: str

    @property
    def period(self) -> dict[str, str]:
        """The period, by the names that queries have for it."""
        return {"from": self.start, "to": self.end}

    @property
    def since(self) -> dict[str, str]:
        """The time of the events behind it, by the same names."""
        return {"to": self.end} if self.carries_over else self.period


def usage_of_lines(document: Document) -> dict[str, LineUsage]:
    """What stands behind each line of usage, by line key; the others are left out. Two queries."""
    lines = {line["id"]: line for line in document.content["lines"] if "usage" in line["evidence"]}
    codes = {line["evidence"]["usage"]["meter"] for line in lines.values()}
    rows = Meter.objects.filter(project=document.invoice.project, code__in=codes)
    meters = {row.code: row for row in rows}
    if not meters:
        return {}
    subjects = Subject.objects.filter(
        project=document.invoice.project, external_id=document.content["customer"]
    )
    subject = subjects.values_list("pk", flat=True).first()
    return {
        key: LineUsage(
            meter=meter.code,
            meter_id=meter.pk,
            subject_id=subject,
            event_type=meter.event_type,
            carries_over=meter.carry_over,
            start=_start(line, meter),
            end=line["period"]["end"],
        )
        for key, line in lines.items()
        if (meter := meters.get(line["evidence"]["usage"]["meter"])) is not None
    }


def _start(line: Mapping[str, Any], meter: Meter) -> str:
    """The level of a part of a period is made by all that happened in the period before it."""
    is_level = meter.aggregation == "weighted_sum"
    start: str = (line["evidence"] if is_level else line)["period"]["start"]
    return start
