"""Meters: made once, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from ingest.aggregation.functions import AGGREGATIONS
from ingest.models import Meter
from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError, UnsupportedError
from neruba.models import Project
from neruba.services.audit import record

DEFINITION = ("event_type", "aggregation", "value_property", "filters", "group_by")


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
    actor: Actor,
    at: datetime,
) -> CreatedMeter:
    """Make a meter, which reads earlier events of its type too.

    The same content again returns the first; another content raises ConflictError. Raises
    UnsupportedError for an aggregation that is not there yet, InvalidError where the aggregation
    needs a value and no property is named.
    """
    if aggregation not in AGGREGATIONS:
        known = ", ".join(AGGREGATIONS)
        raise UnsupportedError(
            f"The aggregation {aggregation!r} is not there yet; there are {known}.",
            pointer="/aggregation",
        )
    if AGGREGATIONS[aggregation].needs_value and not value_property:
        raise InvalidError(f"A {aggregation} needs a value_property.", pointer="/value_property")
    content = {
        "name": name,
        "event_type": event_type,
        "aggregation": aggregation,
        "value_property": value_property,
        "filters": [dict(one) for one in filters],
        "group_by": list(group_by),
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
