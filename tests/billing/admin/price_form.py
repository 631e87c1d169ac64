"""Filling in the price form: what a page shows, sent back with what is changed in it."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from billing.models import Plan


class Fields(HTMLParser):
    """The fields of a page by name, as a browser would send them, and the faults at each place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self._select: str | None = None
        self._text: str | None = None
        self._fault: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name")
        if tag == "input" and name:
            self.values[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            is_first = self._select not in self.values
            if is_first or "selected" in given:
                self.values[self._select] = given.get("value", "")
        elif tag == "textarea" and name:
            self._text, self.values[name] = name, ""
        elif "data-fault" in given or "data-at" in given:
            self._fault = given.get("data-fault", given.get("data-at", ""))

    def handle_endtag(self, tag: str) -> None:
        self._select = None if tag == "select" else self._select
        self._text = None if tag == "textarea" else self._text
        self._fault = None if tag in {"em", "li"} else self._fault

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self.values[self._text] += data
        if self._fault is not None and data.strip():
            self.faults[self._fault] = data.strip()


class Form:
    """The form in a browser without JavaScript: what it shows, and what it sends."""

    def __init__(self, client: Client, plan: Plan | None = None) -> None:
        self.client = client
        self.address = (
            reverse("admin:billing_plan_write")
            if plan is None
            else reverse("admin:billing_plan_next", args=[plan.pk])
        )
        self.answer: Any = client.get(self.address)
        self.values: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self._read()

    def send(self, act: str, part: str = "", /, **changes: str) -> Any:
        return self.fill(changes, act, part)

    def fill(self, changes: Mapping[str, str], act: str = "show", part: str = "") -> Any:
        """Send the form with these changes; `part` as the script asks for it."""
        headers = {"X-Part": part} if part else {}
        self.values |= changes
        self.answer = self.client.post(self.address, {**self.values, "act": act}, headers=headers)
        self._read()
        return self.answer

    @property
    def text(self) -> str:
        text: str = self.answer.content.decode()
        return text

    def _read(self) -> None:
        if self.answer.status_code in {200, 400}:
            found = Fields(self.text)
            self.faults = found.faults
            if "based_on" in found.values:
                self.values = found.values
