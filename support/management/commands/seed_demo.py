"""`manage.py seed_demo`: the data that `bin/demo` shows, and where to look at them."""

import json
import secrets
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from neruba import clock
from neruba.errors import NerubaError
from neruba.models import ProjectSecret
from neruba.services.secrets import set_secret
from support.selectors.tour import tour
from support.services.demo import ACTOR, OPERATOR, STAFF, seed_demo

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
        parser.add_argument("--stripe-key", default="", help="of the fake Stripe beside it")
        parser.add_argument("--stripe-secret", default="", help="with which the fake signs")

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
        given = {
            ProjectSecret.Name.STRIPE_API_KEY: options["stripe_key"],
            ProjectSecret.Name.STRIPE_WEBHOOK_SECRET: options["stripe_secret"],
        }
        for name, value in given.items():
            if value:
                set_secret(
                    project=demo.project,
                    name=name,
                    value=value,
                    actor=ACTOR,
                    at=clock.now(demo.project),
                    wall=clock.wall(),
                )
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
