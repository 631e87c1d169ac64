"""Every address that Neruba answers, from the URL resolver, and what a project holds that strangers
must never see.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from neruba.models import Project
from tests.api.world import REQUESTS

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
CONSOLE = "admin/"
API = "api/v1/"
# Words of the console itself are no markers: those have a digit or an address in them.
MARKER = re.compile(r"(?=.*[\d@]).{8,}", re.DOTALL)
DATE = re.compile(r"\d{4}-\d\d(-\d\d)?$")


@dataclass(frozen=True, slots=True)
class Address:
    """A route below the root, with the name that it is registered by."""

    route: str
    name: str

    @property
    def parameters(self) -> list[str]:
        return [first or second for first, second in PARAMETER.findall(self.route)]


def addresses() -> list[Address]:
    """All routes, in the order of the resolver."""
    return list(_routes(get_resolver().url_patterns, ""))


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Address]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield Address(route, pattern.name or "")


def rows_of(project: Project) -> dict[type[models.Model], Any]:
    """The rows of the project by model, wherever a way leads to it, and of the history beside."""
    found: dict[type[models.Model], Any] = {}
    for model in apps.get_models(include_auto_created=True):
        path = way_to_project(model)
        if path is not None:
            found[model] = model._default_manager.filter(**{path: project.pk}).order_by("pk")
    return found


def way_to_project(model: type[models.Model]) -> str | None:
    """The lookup from a row to its project: its own column, or that of the row it belongs to."""
    if model is Project:
        return "pk"
    fields = {field.name: field for field in model._meta.get_fields() if field.concrete}
    if "project" in fields:
        return "project"
    for field in fields.values():
        related: Any = field.related_model
        if related and any(one.name == "project" for one in related._meta.get_fields()):
            return f"{field.name}__project"
    return "id" if model._meta.label == "neruba.HistoricalProject" else None


def fingerprint(project: Project) -> dict[str, str]:
    """A digest of the project's rows in each table: what nobody else may change."""
    return {
        model._meta.label: hashlib.sha256(repr(list(rows.values_list())).encode()).hexdigest()
        for model, rows in rows_of(project).items()
    }


def markers(project: Project) -> set[str]:
    """Texts of the project's rows that stand nowhere else: to read one is to have looked in. Those
    that the walk itself sends are left out.
    """
    bodies = [good.body for good in REQUESTS.values()]
    sent = f"{REQUESTS} {json.dumps(bodies, separators=(',', ':'))}"
    mine, others = set[str](), set[str]()
    for model in rows_of(project):
        names = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField)
        ]
        path = way_to_project(model)
        assert path is not None
        inside = model._default_manager.filter(**{path: project.pk})
        outside = model._default_manager.exclude(**{path: project.pk})
        for name in names:
            mine |= {str(one) for one in inside.values_list(name, flat=True)}
            others |= {str(one) for one in outside.values_list(name, flat=True)}
    return {
        text
        for text in mine - others
        if MARKER.match(text) and not DATE.match(text) and text not in sent
    }


def console_models() -> dict[str, type[models.Model]]:
    """Registered models by the name that their addresses begin with."""
    return {
        f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry
    }


def values_for(address: Address, project: Project) -> dict[str, object] | None:
    """What to put in a console address to point at the project's things; None where it has no row
    for it. Raises KeyError for a parameter that is not known here.
    """
    model = next(
        (
            model
            for name, model in console_models().items()
            if address.name.startswith(f"{name}_")
            and address.route.startswith(f"admin/{name.replace('_', '/', 1)}/")
        ),
        None,
    )
    row = None
    if model is not None:
        rows = rows_of(project).get(model, model._default_manager.all())
        row = rows.first()
        if row is None and {"object_id", "id"} & set(address.parameters):
            return None
    history = getattr(row, "history", None)
    known: dict[str, Any] = {
        "object_id": lambda: row.pk if row is not None else project.pk,
        "id": lambda: row.pk if row is not None else project.pk,
        "version_id": lambda: history.first().pk if history is not None else 1,
        "content_type_id": lambda: ContentType.objects.get_for_model(Project).pk,
        "app_label": lambda: "billing",
        "url": lambda: "nothing/",
        "path": lambda: "nothing.css",
        "token": lambda: "nri_nothing",
    }
    return {name: known[name]() for name in address.parameters}


def filled(address: Address, values: dict[str, object]) -> str:
    """The path of the address with its parameters."""
    route = PARAMETER.sub(lambda match: str(values[match[1] or match[2]]), address.route)
    return "/" + route.lstrip("^").rstrip("$").replace("\\", "")
