"""Secrets of projects: written, used, never shown; keys change without a loss."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from neruba import clock
from neruba.actor import SYSTEM
from neruba.encryption import UndecipherableError
from neruba.errors import InvalidError, NotFoundError
from neruba.models import AuditRecord, Project, ProjectSecret
from neruba.services.secrets import remove_secret, secret_of, set_secret
from tests import factories
from tests.support.console import looking, newcomer, superuser

pytestmark = pytest.mark.django_db

NAME = ProjectSecret.Name.STRIPE_API_KEY
OTHER = ProjectSecret.Name.STRIPE_WEBHOOK_SECRET
VALUE = "sk_live_0123456789abcdef-END5"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def project() -> Project:
    return factories.project()


def set_value(project: Project, value: str, name: str = NAME) -> ProjectSecret:
    return set_secret(
        project=project,
        name=name,
        value=value,
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )


def reencrypt() -> str:
    said = StringIO()
    call_command("reencrypt_secrets", stdout=said, stderr=StringIO())
    return said.getvalue()


def test_a_secret_is_found_again_and_stands_nowhere_in_clear(project: Project) -> None:
    row = set_value(project, VALUE)
    assert secret_of(project, NAME) == VALUE
    assert secret_of(project, OTHER) is None
    assert secret_of(factories.project(), NAME) is None
    stored = str([*ProjectSecret.objects.values_list(), *AuditRecord.objects.values_list()])
    assert VALUE not in stored
    assert row.ending == "END5"
    assert VALUE[:-4] not in stored


def test_another_value_takes_its_place_and_both_are_audited(project: Project) -> None:
    set_value(project, VALUE)
    set_value(project, "short")
    row = ProjectSecret.objects.get()
    assert (secret_of(project, NAME), row.ending) == ("short", "")
    noted = AuditRecord.objects.filter(action="secret.set").order_by("id")
    assert [record.details for record in noted] == ['{"replaced":false}', '{"replaced":true}']


def test_a_removed_secret_is_gone(project: Project) -> None:
    set_value(project, VALUE)
    remove_secret(project=project, name=NAME, actor=SYSTEM, at=clock.now(project))
    assert secret_of(project, NAME) is None
    assert AuditRecord.objects.filter(action="secret.removed", object_id=NAME).count() == 1
    with pytest.raises(NotFoundError):
        remove_secret(project=project, name=NAME, actor=SYSTEM, at=clock.now(project))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", VALUE),
        (NAME, ""),
        (NAME, "two words"),
        (NAME, "line\n"),
        (NAME, "clé"),
        (NAME, "x" * 1001),
    ],
)
def test_what_is_no_secret_is_refused(project: Project, name: str, value: str) -> None:
    with pytest.raises(InvalidError):
        set_value(project, value, name)
    assert not ProjectSecret.objects.exists()


def test_keys_are_rotated_without_a_moment_in_which_something_cannot_be_read(
    project: Project, settings: Settings
) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    set_value(project, VALUE)
    settings.ENCRYPTION_KEYS = [OLD, NEW]  # first every host learns the new key
    assert secret_of(project, NAME) == VALUE
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert secret_of(project, NAME) == VALUE
    set_value(project, "whsec_1", OTHER)
    assert reencrypt() == "1 of 2 secrets were re-encrypted with the first key.\n"
    assert reencrypt() == "0 of 2 secrets were re-encrypted with the first key.\n"
    settings.ENCRYPTION_KEYS = [NEW]
    assert (secret_of(project, NAME), secret_of(project, OTHER)) == (VALUE, "whsec_1")


def test_another_secret_key_changes_nothing_of_them(project: Project, settings: Settings) -> None:
    set_value(project, VALUE)
    settings.SECRET_KEY = "another"
    assert secret_of(project, NAME) == VALUE


def test_a_key_that_was_dropped_too_early_is_said_and_nothing_is_lost(
    project: Project, settings: Settings
) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    set_value(project, VALUE)
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UndecipherableError):
        secret_of(project, NAME)
    with pytest.raises(CommandError, match="Add the key"):
        reencrypt()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert secret_of(project, NAME) == VALUE


def test_a_former_secret_key_still_signs_sessions(settings: Settings) -> None:
    client = looking(superuser())
    former = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the next one", [former]
    assert client.get("/admin/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    again = looking(superuser())
    settings.SECRET_KEY = "one that nobody announced"
    assert again.get("/admin/").status_code == 302


# In the console


def submit(client: Client, act: str, *args: object, **values: object) -> Any:
    place = reverse(f"admin:neruba_projectsecret_{act}", args=args)
    return client.post(place, {"_form_submitted": "1", **values})


def test_it_is_set_and_removed_in_dialogs_and_no_page_shows_it(project: Project) -> None:
    client = looking(superuser())
    given = {"project": project.pk, "name": NAME, "reason": "our new account"}
    refused = submit(client, "set", **given, value="sk live 0123456789")
    assert "no spaces" in refused.content.decode()
    assert "sk live" not in refused.content.decode()
    answer = submit(client, "set", **given, value=VALUE)
    assert secret_of(project, NAME) == VALUE
    row = ProjectSecret.objects.get()
    listed = client.get(reverse("admin:neruba_projectsecret_changelist")).content.decode()
    page = client.get(answer["HX-Redirect"]).content.decode()
    for shown in (answer.content.decode(), listed, page):
        assert VALUE[:-4] not in shown
        assert row.ciphertext not in shown
    assert "END5" in page
    submit(client, "remove", row.pk, reason="moved away")
    assert secret_of(project, NAME) is None
    noted = AuditRecord.objects.filter(object_type="secret").order_by("id")
    assert [(one.action, one.actor, one.reason) for one in noted] == [
        ("secret.set", "root@example.com", "our new account"),
        ("secret.removed", "root@example.com", "moved away"),
    ]


def test_without_the_permission_nothing_is_set(project: Project) -> None:
    given = {"project": project.pk, "name": NAME, "reason": "me", "value": VALUE}
    assert submit(looking(newcomer()), "set", **given).status_code == 403
    assert not ProjectSecret.objects.exists()
