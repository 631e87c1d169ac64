"""Taking the words that name a person out of what ingest noted; no event changes."""

from ingest.models import EventRetraction, FailedEvent
from neruba.append_only import purging
from neruba.identity import Identity
from neruba.models import Project
from neruba.services.erasure import take_out


def erase_from_usage(project: Project, identity: Identity) -> None:
    """Clean the bodies that were refused, and the reasons of what was taken back."""
    take_out(identity, FailedEvent.objects.filter(project=project), ("body", "detail"))
    with purging():
        take_out(identity, EventRetraction.objects.filter(project=project), ("reason",))
