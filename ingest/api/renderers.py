"""JSON with the numbers of events as they were accepted: to the last digit, never by way of floats.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import JSONRenderer

_ENCODER = msgspec.json.Encoder(enc_hook=str)


class ExactJSONRenderer(JSONRenderer):
    """Writes `msgspec.Raw` members as they are; needed because DRF's own writes no decimal number.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else _ENCODER.encode(data)
