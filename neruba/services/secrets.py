"""Secrets of projects: set, remove, use, re-encrypt. No value is logged, audited or shown."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from neruba.actor import Actor
from neruba.encryption import decrypt, encrypt, is_under_first_key
from neruba.errors import InvalidError, NotFoundError
from neruba.locks import lock_project, lock_secret
from neruba.models import Project, ProjectSecret
from neruba.services.audit import record

MAX_LENGTH = 1000
ENDING = 4
# The ending of a shorter value would be too great a part of it.
MIN_LENGTH_WITH_ENDING = 16


def set_secret(
    *,
    project: Project,
    name: str,
    value: str,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str = "",
) -> ProjectSecret:
    """Store the value under the name, in place of what stood there. `at` is the project's time,
    `wall` the real one.

    Raises InvalidError for a name that is not known, and for a value that is empty, longer than
    1,000 characters, or holds anything but printable ASCII without spaces.
    """
    if name not in ProjectSecret.Name.values:
        raise InvalidError(f"There is no secret {name!r}.", pointer="/name")
    if not value.isascii() or not value.isprintable() or " " in value or not value:
        raise InvalidError("Expected printable ASCII characters, no spaces.", pointer="/value")
    if len(value) > MAX_LENGTH:
        raise InvalidError(f"At most {MAX_LENGTH:,} characters.", pointer="/value")
    with transaction.atomic():
        lock_project(project)
        row, is_new = ProjectSecret.objects.update_or_create(
            project=project,
            name=name,
            defaults={
                "ciphertext": encrypt(value),
                "ending": value[-ENDING:] if len(value) >= MIN_LENGTH_WITH_ENDING else "",
                "set_at": wall,
                "set_by": str(actor),
            },
        )
        record(
            project=project,
            actor=actor,
            action="secret.set",
            on=("secret", name),
            at=at,
            reason=reason,
            details={"replaced": not is_new},
        )
    return row


def remove_secret(
    *, project: Project, name: str, actor: Actor, at: datetime, reason: str = ""
) -> None:
    """Forget the value. Raises NotFoundError where none is set."""
    with transaction.atomic():
        row = lock_secret(project, name)
        if row is None:
            raise NotFoundError("It is not set.")
        row.delete()
        record(
            project=project,
            actor=actor,
            action="secret.removed",
            on=("secret", name),
            at=at,
            reason=reason,
        )


def secret_of(project: Project, name: ProjectSecret.Name) -> str | None:
    """The value, or None where it is not set. Raises UndecipherableError where no key fits."""
    row = ProjectSecret.objects.filter(project=project, name=name).first()
    return None if row is None else decrypt(row.ciphertext)


def reencrypt_secrets() -> Iterator[bool]:
    """Encrypt all with the first key; for each one whether it had to be. Each is a transaction of
    its own, so that it can be broken off and run again.

    Raises UndecipherableError at the first that no key decrypts; those before it are done.
    """
    for row in list(ProjectSecret.objects.select_related("project").order_by("pk")):
        with transaction.atomic():
            locked = lock_secret(row.project, row.name)
            is_stale = locked is not None and not is_under_first_key(locked.ciphertext)
            if locked is not None and is_stale:
                locked.ciphertext = encrypt(decrypt(locked.ciphertext))
                locked.save(update_fields=["ciphertext"])
        yield is_stale
