"""What is left behind: rows as one text, failed logins, signs of life."""

from datetime import datetime

from django.apps import apps
from django.contrib.auth import authenticate
from django.test import RequestFactory

from neruba.ops.heartbeat import SCHEDULER, note_life
from neruba.ops.invariants import keep_check
from tests.factories import START


def everything_stored() -> str:
    """All that the database holds, as one text: where a secret must not be found."""
    return "\n".join(
        str(row) for model in apps.get_models() for row in model._base_manager.values_list()
    )


def failed_login(*, name: str = "acme@example.com", address: str = "192.0.2.1") -> None:
    """Somebody did not know the password."""
    login = RequestFactory().post("/admin/login/", REMOTE_ADDR=address)
    assert authenticate(login, username=name, password="wrong") is None


def signs_of_life(*, at: datetime = START) -> None:
    """A schedule that was heard of at the wall time `at`, and a look at invariants that found
    something.
    """
    note_life(SCHEDULER, owner="host, process 1", at=at)
    keep_check("sample", checked=3, differences=["acme: invoice INV-000001: differs"], at=at)
