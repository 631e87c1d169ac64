"""`manage.py erase_customer --project SLUG --customer ID --reason …`: a person's identity goes."""

from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from billing.services.erasure import erase_customer
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
        parser.add_argument("--customer", required=True, metavar="ID", help="its external id")
        parser.add_argument("--reason", required=True)

    def handle(self, *_args: Any, **given: Any) -> None:
        project = self.project(given["project"])
        customer = Customer.objects.filter(project=project, external_id=given["customer"]).first()
        if customer is None:
            raise CommandError(f"There is no customer {given['customer']!r} in this project.")
        work = partial(
            erase_customer,
            customer=customer,
            reason=given["reason"],
            actor=SYSTEM,
            at=clock.now(project),
        )
        try:
            erased = run_atomic(work)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        documents = erased.documents
        name = erased.customer.external_id
        self.stdout.write(f"Customer {name!r} is erased; its id, invoices and usage stay.")
        if documents.kept_until is not None:
            self.stdout.write(
                f"{len(documents.kept)} of {documents.issued} invoices keep names and addresses, "
                f"the last until {documents.kept_until:%Y-%m-%d}: run this again then."
            )
        if erased.is_named:
            self.stdout.write("Its id holds a word of what was erased; ids cannot be changed.")
