"""Meters as the pure code reads them."""

from collections.abc import Collection, Iterable

from ingest.aggregation.meter import MeterReader
from ingest.models import Meter
from neruba.models import Project


def reader_of(meter: Meter) -> MeterReader:
    """How the meter reads an event."""
    return MeterReader.of(
        aggregation=meter.aggregation,
        value_property=meter.value_property,
        filters=meter.filters,
        group_by=meter.group_by,
    )


def meters_by_id(project: Project, ids: Collection[int]) -> dict[int, Meter]:
    """The project's meters with these ids."""
    return {meter.pk: meter for meter in Meter.objects.filter(project=project, pk__in=set(ids))}


def readers_by_type(
    project: Project, types: Iterable[str]
) -> dict[str, list[tuple[Meter, MeterReader]]]:
    """The meters that read each of the event types."""
    found: dict[str, list[tuple[Meter, MeterReader]]] = {}
    for meter in Meter.objects.filter(project=project, event_type__in=set(types)):
        found.setdefault(meter.event_type, []).append((meter, reader_of(meter)))
    return found
