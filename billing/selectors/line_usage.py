"""Which meter, and which events, stand behind the lines of a document."""

from dataclasses import dataclass

from billing.selectors.documents import Document
from ingest.models import Meter
from neruba.models import Subject


@dataclass(frozen=True, slots=True)
class LineUsage:
    """The usage behind a line: of `meter`, in its period as text (RFC 3339). A meter that carries
    over counts the events of its type from the first one on.
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
    evidence = {
        line["id"]: line["evidence"]
        for line in document.content["lines"]
        if "usage" in line["evidence"]
    }
    codes = {one["usage"]["meter"] for one in evidence.values()}
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
            start=one["period"]["start"],
            end=one["period"]["end"],
        )
        for key, one in evidence.items()
        if (meter := meters.get(one["usage"]["meter"])) is not None
    }
