"""`manage.py prorate`: the calculator of `POST /api/v1/prorate`, from a file."""

from typing import Any

from billing.management.calculator import CalculatorCommand
from billing.rating.prorating import prorate_request


class Command(CalculatorCommand):
    help = (
        "Prorate the amounts of a file, one request a line (`-` reads the standard input), as POST "
        "/api/v1/prorate does, and print one answer a line. A line that is refused answers "
        '{"error": problem} on its own line.'
    )

    def answer(self, request: object) -> dict[str, Any]:
        return prorate_request(request)
