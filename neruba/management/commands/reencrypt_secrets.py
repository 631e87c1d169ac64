"""`manage.py reencrypt_secrets`: after a new key, and before the old one is dropped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from neruba.encryption import UndecipherableError
from neruba.models import ProjectSecret
from neruba.services.secrets import reencrypt_secrets


class Command(BaseCommand):
    help = (
        "Encrypt every secret with the first key of NERUBA_ENCRYPTION_KEYS. Run it after the new "
        "key is known to all hosts; then the old keys can be dropped. May be run again."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        found, rewritten = 0, 0
        rows = tqdm(
            reencrypt_secrets(),
            total=ProjectSecret.objects.count(),
            unit=" secrets",
            file=self.stderr,
            leave=False,
            disable=None,
        )
        try:
            for was_stale in rows:
                found += 1
                rewritten += was_stale
        except UndecipherableError as error:
            raise CommandError(
                f"{rewritten} of {found} secrets were re-encrypted; the next one: {error} "
                "Add the key it was encrypted with to NERUBA_ENCRYPTION_KEYS."
            ) from None
        self.stdout.write(f"{rewritten} of {found} secrets were re-encrypted with the first key.")
