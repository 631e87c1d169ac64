"""Meters: made once, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from ingest.aggregation.meter import OPERATION
from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.rounding import LOWEST_PLACES, MODES, Rounding
from ingest.models import Meter
from neruba.actor import Actor
from neruba.decimals import QUANTITY_PLACES
from neruba.errors import ConflictError, InvalidError, UnsupportedError
from neruba.models import Project
from neruba.services.audit import record

DEFINITION = (
    *("event_type", "aggregation", "value_property", "filters", "group_by"),
    *("carry_over", "rounding_mode", "rounding_places"),
)


@dataclass(frozen=True, slots=True)
class CreatedMeter:
    """The meter, and whether the same request had made it before."""

    meter: Meter
    replayed: bool


def create_meter(
    *,
    project: Project,
    code: str,
    name: str,
    event_type: str,
    aggregation: str,
    value_property: str,
    filters: Sequence[Mapping[str, Any]],
    group_by: Sequence[str],
    carry_over: bool = False,
    rounding: Rounding | None = None,
    actor: Actor,
    at: datetime,
) -> CreatedMeter:
    """Make a meter, which reads earlier events of its type too.

    The same content again returns the first; another content raises ConflictError. Raises
    UnsupportedError for an aggregation that is not there, InvalidError for a meter that makes no
    sense, with the field at fault.
    """
    if aggregation not in AGGREGATIONS:
        known = ", ".join(AGGREGATIONS)
        raise UnsupportedError(
            f"There is no aggregation {aggregation!r}; there are {known}.", pointer="/aggregation"
        )
    _check(aggregation, value_property, carry_over=carry_over, rounding=rounding)
    content = {
        "name": name,
        "event_type": event_type,
        "aggregation": aggregation,
        "value_property": value_property,
        "filters": [dict(one) for one in filters],
        "group_by": list(group_by),
        "carry_over": carry_over,
        "rounding_mode": rounding.mode if rounding else "",
        "rounding_places": rounding.places if rounding else 0,
    }
    try:
        with transaction.atomic():
            meter = Meter.objects.create(project=project, code=code, created_at=at, **content)
            record(
                project=project,
                actor=actor,
                action="meter.created",
                on=("meter", code),
                at=at,
                details={key: content[key] for key in DEFINITION},
            )
    except IntegrityError:
        prior = Meter.objects.filter(project=project, code=code).first()
        if prior is None:
            raise
        if any(getattr(prior, key) != value for key, value in content.items()):
            raise ConflictError(f"Meter {code!r} exists with other content.") from None
        return CreatedMeter(prior, replayed=True)
    return CreatedMeter(meter, replayed=False)


def _check(
    aggregation: str, value_property: str, *, carry_over: bool, rounding: Rounding | None
) -> None:
    """Raise InvalidError unless these go together."""
    kind = AGGREGATIONS[aggregation]
    if kind.reads != "nothing" and not value_property:
        raise InvalidError(f"A {aggregation} needs a value_property.", pointer="/value_property")
    if kind.reads == "item" and value_property == OPERATION:
        raise InvalidError(
            f"{OPERATION!r} says what an event does with an item, and names none.",
            pointer="/value_property",
        )
    if carry_over and not kind.carries:
        able = ", ".join(code for code, one in AGGREGATIONS.items() if one.carries)
        raise InvalidError(
            f"A {aggregation} has nothing to carry over; {able} have.", pointer="/carry_over"
        )
    if rounding is None:
        return
    if rounding.mode not in MODES:
        raise InvalidError(f"A meter rounds {', '.join(MODES)}.", pointer="/rounding/mode")
    if not LOWEST_PLACES <= rounding.places <= QUANTITY_PLACES:
        raise InvalidError(
            f"A quantity is rounded to {LOWEST_PLACES} to {QUANTITY_PLACES} places.",
            pointer="/rounding/places",
        )


def rename_meter(*, meter: Meter, name: str, reason: str, actor: Actor, at: datetime) -> Meter:
    """Give a meter another name for people; what it counts never changes."""
    with transaction.atomic():
        before = meter.name
        if name != before:
            meter.name = name
            meter.save(update_fields=["name"])
            record(
                project=meter.project,
                actor=actor,
                action="meter.renamed",
                on=("meter", meter.code),
                at=at,
                reason=reason,
                details={"before": before, "after": name},
            )
    return meter
