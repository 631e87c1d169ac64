"""JSON with the numbers of events as they were accepted, to the last digit, without floats."""

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import JSONRenderer

_ENCODER = msgspec.json.Encoder(enc_hook=str)


class ExactJSONRenderer(JSONRenderer):
    """Writes `msgspec.Raw` members as they are; DRF's own renderer knows no exact decimals."""

    def render(
        self,
        data: object,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else _ENCODER.encode(data)
