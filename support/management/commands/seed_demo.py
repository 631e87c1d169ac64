"""`manage.py seed_demo`: the data that `bin/demo` shows, and where to look at them."""

import json
import secrets
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from neruba import clock
from neruba.errors import NerubaError
from support.selectors.tour import tour
from support.services.demo import OPERATOR, STAFF, seed_demo

PASSWORD_BYTES = 9


class Command(BaseCommand):
    help = (
        "Make the sandbox project `demo` with two months of billing behind it and operators of "
        "three roles; print logins, key and pages as JSON. Refused where either stands."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--base-url", default="http://127.0.0.1:8000", help="where it will be served"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        base_url = options["base_url"].rstrip("/")
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        with tqdm(
            unit=" steps", desc="two months", file=self.stderr, leave=False, disable=None
        ) as bar:
            try:
                demo = seed_demo(password=password, wall=clock.wall(), progress=partial(_show, bar))
            except NerubaError as error:
                raise CommandError(f"{error.detail} Seed a new database.") from error
        said = {
            "base_url": base_url,
            "logins": [
                {"role": role, "username": address, "password": password}
                for role, address in (("Owner and superuser", OPERATOR), *STAFF.items())
            ],
            "api_key": demo.api_key,
            "pages": [
                {
                    "title": stop.title,
                    "url": f"{base_url}{stop.path}",
                    "why": stop.why,
                    "contains": list(stop.contains),
                }
                for stop in tour(demo.project)
            ],
        }
        self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False))


def _show(bar: "tqdm[Any]", done: int, of: int) -> None:
    bar.total = of
    bar.update(done - bar.n)
