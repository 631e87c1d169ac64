"""What the commands of the calculators share: a file of requests in, one answer a line out."""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ParseError
from tqdm import tqdm

from billing.rating.price import PriceError
from neruba.api.parsers import decode_json
from neruba.api.problems import problem, problem_of
from neruba.errors import InvalidError


class CalculatorCommand(BaseCommand, ABC):
    """A calculator of the API, from a file: a line that is refused answers on its own line."""

    requires_system_checks: list[str] = []

    @abstractmethod
    def answer(self, request: object) -> dict[str, Any]:
        """Answer one request. Raises PriceError for what the API would refuse."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="CASES.jsonl", help="a file of JSON lines, or -")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["file"] == "-":
            self._answer_lines(sys.stdin.buffer)
            return
        try:
            with Path(options["file"]).open("rb") as file:
                self._answer_lines(file)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}.") from error

    def _answer_lines(self, lines: BinaryIO | Iterable[bytes]) -> None:
        for line in tqdm(lines, unit=" requests", file=self.stderr, disable=None):
            if line.strip():
                self.stdout.write(json.dumps(self._answer_line(line), ensure_ascii=False))

    def _answer_line(self, line: bytes) -> dict[str, Any]:
        try:
            return self.answer(decode_json(line))
        except PriceError as error:
            return {"error": problem_of(InvalidError(error.detail, pointer=error.pointer))}
        except ParseError as error:
            return {"error": problem(error.status_code, error.default_code, str(error.detail))}
