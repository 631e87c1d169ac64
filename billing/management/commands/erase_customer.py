"""`manage.py erase_customer --project SLUG --customer ID --reason …`: a person's identity goes."""

from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from billing.selectors.erasure import with_text_to_erase
from billing.services.erasure import Erased, erase_customer
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand
from neruba.models import Customer


class Command(ProjectCommand):
    help = (
        "Erase what names a person: names, addresses, tax ids, wherever they stand. Its external "
        "id, its invoices, its usage and the books stay. For good. Refused while it will still be "
        "billed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--customer", metavar="ID", help="its external id")
        who.add_argument(
            "--again",
            action="store_true",
            help="all that were erased before: text of documents that need not be kept any more",
        )
        parser.add_argument("--reason", required=True)

    def handle(self, *_args: Any, **given: Any) -> None:
        project = self.project(given["project"])
        at = clock.now(project)
        if given["again"]:
            customers = with_text_to_erase(project, at=at)
        else:
            customers = list(
                Customer.objects.filter(project=project, external_id=given["customer"])
            )
            if not customers:
                raise CommandError(f"There is no customer {given['customer']!r} in this project.")
        for customer in customers:
            work = partial(
                erase_customer, customer=customer, reason=given["reason"], actor=SYSTEM, at=at
            )
            try:
                self._say(run_atomic(work))
            except NerubaError as error:
                raise CommandError(f"{customer.external_id}: {error.detail}") from error
        if given["again"]:
            self.stdout.write(f"{len(customers)} customers had text that was free.")

    def _say(self, erased: Erased) -> None:
        name, documents = erased.customer.external_id, erased.documents
        self.stdout.write(f"Customer {name!r} is erased; its id, invoices and usage stay.")
        if documents.kept_until is not None:
            self.stdout.write(
                f"{len(documents.kept)} of {documents.issued} invoices keep names and addresses, "
                f"the last until {documents.kept_until:%Y-%m-%d}: run this again then."
            )
        if erased.is_named:
            self.stdout.write("Its id holds a word of what was erased; ids cannot be changed.")
