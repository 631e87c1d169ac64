"""`manage.py rate`: the calculator of `POST /api/v1/rate`, from a file."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ParseError
from tqdm import tqdm

from billing.rating.calculator import rate_request
from billing.rating.price import PriceError
from neruba.api.parsers import decode_json
from neruba.api.problems import problem, problem_of
from neruba.errors import InvalidError


class Command(BaseCommand):
    help = (
        "Rate the requests of a file, one a line (`-` reads the standard input), as POST "
        "/api/v1/rate does, and print one answer a line. A line that is refused answers "
        '{"error": problem} on its own line.'
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="CASES.jsonl", help="a file of JSON lines, or -")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["file"] == "-":
            self._rate(sys.stdin.buffer)
            return
        try:
            with Path(options["file"]).open("rb") as file:
                self._rate(file)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}.") from error

    def _rate(self, lines: BinaryIO | Iterable[bytes]) -> None:
        for line in tqdm(lines, unit=" requests", file=self.stderr, disable=None):
            if line.strip():
                self.stdout.write(json.dumps(_answer(line), ensure_ascii=False))


def _answer(line: bytes) -> dict[str, Any]:
    try:
        return rate_request(decode_json(line))
    except PriceError as error:
        return {"error": problem_of(InvalidError(error.detail, pointer=error.pointer))}
    except ParseError as error:
        return {"error": problem(error.status_code, error.default_code, str(error.detail))}
