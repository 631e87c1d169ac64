"""Pages of the console that say what a row means: headline numbers, facts, tables."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from neruba.admin.base import ReadOnlyAdmin
from neruba.money import Money
from neruba.period import local_date, zone_named

INSTANT = "%Y-%m-%d %H:%M UTC"
SHORT_HASH = 12


class Fact(NamedTuple):
    """A name and what stands there; an empty value is not shown."""

    name: str
    value: object


class Headline(NamedTuple):
    """A number that is read first, with a line below it."""

    name: str
    value: object
    hint: object = ""


class Banner(NamedTuple):
    """A sentence above the page."""

    kind: Literal["info", "warning", "success", "error"]
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, or the sentence `empty`; `numeric` columns are set to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str
    numeric: Collection[str] = ()
    more: SafeString | str = ""
    anchor: str = ""

    def heads(self) -> list[tuple[str, bool]]:
        return [(column, column in self.numeric) for column in self.columns]

    def cells(self) -> Iterator[list[tuple[object, bool]]]:
        """Each row as (cell, whether it is set to the right)."""
        for row in self.rows:
            yield [
                (cell, column in self.numeric)
                for cell, column in zip(row, self.columns, strict=True)
            ]


class Text(NamedTuple):
    """A title, and lines that are shown as they are."""

    title: str
    lines: str


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of a row shows, in this order."""

    banners: Sequence[Banner] = ()
    headlines: Sequence[Headline] = ()
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()
    texts: Sequence[Text] = ()
    more: dict[str, Any] = field(default_factory=dict)


class PageAdmin(ReadOnlyAdmin):
    """A read-only row with a page of its own in place of Django's form."""

    change_form_template = "console/page.html"
    page_links: Sequence[tuple[str, str, str]] = ()  # title, icon, relative address
    show_row_history = False

    def page(self, request: HttpRequest, row: Any) -> Page:
        """What to show of the row; at a constant number of queries."""
        raise NotImplementedError

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return []

    def get_inline_instances(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        shown = self.page(request, row)
        links = [(title, icon, address) for title, icon, address in self.page_links]
        context |= {
            "page": shown,
            "page_links": links,
            "show_history": self.show_row_history,
            **shown.more,
        }
        return super().render_change_form(request, context, *args, **kwargs)


def link_to(row: Model | None, text: object = None) -> SafeString | str:
    """A link to the row's page, or its name alone where the console has no page for it."""
    if row is None:
        return ""
    words = str(row) if text is None else text
    if not admin.site.is_registered(type(row)):
        return str(words)
    return format_html('<a href="{}">{}</a>', page_of(row), words)


def page_of(row: Model) -> str:
    """The address of the row's page."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def list_of(model: type[Model], text: object, **lookups: object) -> SafeString | str:
    """A link to the model's list with these filters; nothing where the console has no such list."""
    if not admin.site.is_registered(model):
        return ""
    return format_html('<a href="{}">{}</a>', list_address(model, **lookups), text)


def list_address(model: type[Model], **lookups: object) -> str:
    """The address of the model's list with these filters."""
    meta = model._meta
    return reverse(
        f"admin:{meta.app_label}_{meta.model_name}_changelist",
        query={name: str(value) for name, value in lookups.items()},
    )


def money(amount: Money | None) -> str:
    """An amount for people, with commas between thousands: 12,345.60 USD."""
    return "" if amount is None else f"{figure(amount)} {amount.currency}"


def figure(amount: Money) -> str:
    """An amount without its currency, for a column that names it."""
    whole, point, places = amount.amount.lstrip("-").partition(".")
    sign = "-" if amount.minor < 0 else ""
    return f"{sign}{int(whole):,}{point}{places}"


def monies(minor_by_currency: dict[str, int]) -> str:
    """One amount for each currency, never added up."""
    amounts = (Money(minor, unit) for unit, minor in sorted(minor_by_currency.items()))
    return ", ".join(money(amount) for amount in amounts)


def instant(at: datetime | None) -> str:
    return "" if at is None else at.strftime(INSTANT)


def day(on: date) -> str:
    return f"{on.day} {on:%b} {on.year}"


def local_time(at: datetime, zone: str) -> str:
    """A reading of a zone's clock."""
    local = at.astimezone(zone_named(zone))
    return f"{day(local.date())}, {local:%H:%M}"


def days(start: datetime, end: datetime, zone: str) -> str:
    """The local days of a half-open interval, first to last; one day for an instant."""
    first = local_date(start, zone)
    last = local_date(max(end - timedelta(microseconds=1), start), zone)
    return day(first) if first == last else f"{day(first)} – {day(last)}"


def short_hash(digest: str) -> str:
    return f"{digest[:SHORT_HASH]}…" if digest else ""


def code(text: object) -> SafeString | str:
    """A key, hash or code, set as such."""
    return format_html('<span class="n-code">{}</span>', text) if text else ""


def whole(text: object) -> SafeString:
    """Text that a list does not break into lines."""
    return format_html('<span class="n-whole">{}</span>', text)


def label(text: str, kind: str) -> SafeString:
    """A status in a coloured box; `kind` is info, success, warning, error or plain."""
    return format_html('<span class="n-label n-{}">{}</span>', kind, text)


def progress_bar(done: int, of: int) -> SafeString:
    """How far work came, in words and as a bar."""
    bar = '{} <progress class="n-progress" value="{}" max="{}"></progress>'
    return whole(format_html(bar, f"{done:,} of {of:,}", done, max(of, 1)))


def pretty(value: object) -> str:
    """JSON to be read by people."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)
