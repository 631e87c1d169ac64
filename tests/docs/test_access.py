"""The table of roles in docs/access.md says what `neruba.roles` says."""

import re
from pathlib import Path

from neruba.roles import ROLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "access.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def test_the_page_has_the_roles_with_their_scopes() -> None:
    shown = {
        role: (words, frozenset(re.findall(r"`([^`]+)`", scopes)))
        for role, words, scopes in ROW.findall(PAGE)
    }
    assert shown == {role.value: (rights.words, rights.scopes) for role, rights in ROLES.items()}
