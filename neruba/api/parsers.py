"""Reading JSON bodies: strict, bounded, and without floats."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

# A number with a fraction or an exponent arrives as Decimal, so that nothing is lost and money can
# refuse it.
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


def decode_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises ParseError (400) for anything else, however malformed or
    deep.
    """
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParseError(f"The body is not JSON: {error}.") from error
    except InvalidOperation as error:
        raise ParseError("The body holds a number beyond all bounds.") from error
    except RecursionError as error:
        raise ParseError("The body is nested too deeply.") from error


class StrictJSONParser(BaseParser):
    """`application/json`; NaN, lone surrogates and broken UTF-8 are refused."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return decode_json(stream.read())
