"""Meters as the pure code reads them."""

import json
from collections.abc import Collection, Iterable
from functools import lru_cache

from django.db import connection

from ingest.aggregation.meter import MeterReader
from ingest.aggregation.rounding import Rounding
from ingest.models import Meter
from neruba.models import Project

DEFINITIONS = (
    "SELECT event_type, code, aggregation, value_property, filters, group_by FROM ingest_meter "
    "WHERE project_id = %s AND event_type IN"
)


def reader_of(meter: Meter) -> MeterReader:
    """How the meter reads an event, and what it makes of many."""
    return MeterReader.of(
        aggregation=meter.aggregation,
        value_property=meter.value_property,
        filters=meter.filters,
        group_by=meter.group_by,
        carry_over=meter.carry_over,
        rounding=Rounding(meter.rounding_mode, meter.rounding_places)
        if meter.rounding_mode
        else None,
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


def usability_readers(
    project: Project, types: Collection[str]
) -> dict[str, list[tuple[str, MeterReader]]]:
    """The meters that read each of the event types, by their codes: what tells whether an event
    is of use.
    """
    found: dict[str, list[tuple[str, MeterReader]]] = {}
    if not types:
        return found
    # Every request that brings events asks for them; through the ORM that takes five times as long.
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(types))
        cursor.execute(f"{DEFINITIONS} ({marks}) ORDER BY id", [project.pk, *types])
        for event_type, code, *definition in cursor.fetchall():
            found.setdefault(event_type, []).append((code, _stored_reader(*definition)))
    return found


@lru_cache(maxsize=4096)
def _stored_reader(
    aggregation: str, value_property: str, filters: str, group_by: str
) -> MeterReader:
    """The reader of a definition as it is stored; for what is of use, how results are rounded and
    carried over is nothing.
    """
    return MeterReader.of(
        aggregation=aggregation,
        value_property=value_property,
        filters=json.loads(filters),
        group_by=json.loads(group_by),
    )
