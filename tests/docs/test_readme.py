"""The README's requests are sent, and its answers compared: what it shows is what happens.

In its JSON a `…` stands for what was left out: in a text for any characters, as a key for more
members.
"""

import json
import re
import shlex
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from neruba.models import Project
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(
    r"```sh\n(?P<shell>[^`]*)```\n\n(?P<status>\d{3})\n\n```json\n(?P<answer>[^`]*)```"
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
CUT = "…"


@dataclass(frozen=True)
class Call:
    """A request of curl."""

    method: str
    path: str
    body: str


def read_call(shell: str, names: dict[str, str]) -> Call:
    """The request that a shell would send; assignments before it are the reader's to fill in."""
    command = shell[shell.index("curl ") :]
    for name, value in names.items():
        command = re.sub(rf"\${name}\b", value, command)
    method, address, body = "GET", "", ""
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            assert next(words) == "$AUTH"
        elif word == "--json":
            method, body = "POST", next(words)
        else:
            address = word
    return Call(method, address.removeprefix("$NERUBA"), body)


def difference(shown: Any, found: Any, place: str = "") -> str:
    """What the answer found has otherwise than the one shown, or ''."""
    if isinstance(shown, dict) and isinstance(found, dict):
        names = shown.keys() - {CUT}
        if not names <= found.keys() or (CUT not in shown and names != found.keys()):
            return f"{place}: {sorted(names ^ found.keys())}"
        inner = (difference(shown[name], found[name], f"{place}/{name}") for name in sorted(names))
        return next(filter(None, inner), "")
    if isinstance(shown, list) and isinstance(found, list):
        if len(shown) != len(found):
            return f"{place}: {len(found)} items"
        inner = (
            difference(one, other, f"{place}/{index}")
            for index, (one, other) in enumerate(zip(shown, found, strict=True))
        )
        return next(filter(None, inner), "")
    if isinstance(shown, str) and isinstance(found, str) and CUT in shown:
        pattern = ".*".join(re.escape(part) for part in shown.split(CUT))
        return "" if re.fullmatch(pattern, found, re.S) else f"{place}: {found!r}"
    return "" if shown == found else f"{place}: {found!r}"


@pytest.mark.once
@pytest.mark.django_db
def test_requests_of_the_readme_get_its_answers() -> None:
    printed = StringIO()
    command = re.search(r"manage\.py (create_project .*?)\n```", README, re.S)
    assert command is not None
    call_command(*shlex.split(command[1].replace("\\\n", " ")), stdout=printed)
    project = Project.objects.get(slug=json.loads(printed.getvalue())["project"])
    client: APIClient = factories.client(
        project=project, secret=json.loads(printed.getvalue())["api_key"]
    )
    found: Any = None
    names: dict[str, str] = {}
    sent = 0
    for sent, block in enumerate(BLOCK.finditer(README), 1):
        if "INVOICE=" in block["shell"]:
            names["INVOICE"] = found["data"][-1]["id"]
        call = read_call(block["shell"], names)
        response = client.generic(
            call.method, f"/api/v1{call.path}", call.body, content_type="application/json"
        )
        found = response.json()
        where = f"request {sent}, {call.method} {call.path}"
        assert response.status_code == int(block["status"]), f"{where}: {found}"
        assert not (found_otherwise := difference(json.loads(block["answer"]), found)), (
            f"{where}: {found_otherwise}"
        )
    assert sent == README.count("curl ")


DOCUMENTS = [
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "*/README.md")
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_documents_link_to_what_is_there(document: Path) -> None:
    path = ROOT / document
    missing = [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    ("shown", "found", "agrees"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, CUT: CUT}, {"a": 1, "b": 2}, True),
        ({"a": 1, CUT: CUT}, {"b": 2}, False),
        ([1, 2], [1], False),
        ("inv_…", "inv_123", True),
        ("inv_…", "run_123", False),
        ([{"a": "5.11"}], [{"a": "5.12"}], False),
        (True, "true", False),
    ],
)
def test_a_difference_is_found(shown: object, found: object, *, agrees: bool) -> None:
    assert (difference(shown, found) == "") is agrees
