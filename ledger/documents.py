"""What the documents that transfers name are called: who makes documents says so, since the books
know them by their key alone.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.db.models import Model

from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Named:
    """A document for people and callers: `kind` such as "invoice", its public id, its number."""

    kind: str
    public_id: str
    title: str
    row: Model


Namer = Callable[[Project, Collection[str]], dict[str, Named]]
_namers: list[Namer] = []


def register_namer(namer: Namer) -> None:
    """`namer(project, documents)` answers those of the documents that it knows, by their key, in a
    constant number of queries.
    """
    _namers.append(namer)


def named_documents(project: Project, documents: Collection[str]) -> dict[str, Named]:
    """What is known of these documents, by their key."""
    wanted = {document for document in documents if document}
    found: dict[str, Named] = {}
    for namer in _namers if wanted else ():
        found |= namer(project, wanted)
    return found
