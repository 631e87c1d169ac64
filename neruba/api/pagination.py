"""Lists: oldest first, stable under inserts."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

NO_CURSOR = "Expected the next_cursor of an earlier answer."
ROW_NUMBER = re.compile(r"[0-9]{1,18}")


class CursorList(CursorPagination):
    """`{"data": […], "next_cursor": "…" | null}`, `?limit=` (default 100, at most 1000) and
    `?cursor=`.
    """

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "limit"
    ordering = "pk"

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("limit")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= self.max_page_size):
            raise ValidationError(
                {"limit": f"Expected a whole number from 1 to {self.max_page_size}."}
            )
        return int(given)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """None without a cursor. A row's number is all that a cursor of ours holds."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise ValidationError({"cursor": NO_CURSOR}) from error
        if cursor is not None and not ROW_NUMBER.fullmatch(str(cursor.position or "")):
            raise ValidationError({"cursor": NO_CURSOR})
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)["cursor"][0] if link else None
        return Response({"data": data, "next_cursor": cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": schema,
                "next_cursor": {"type": "string", "nullable": True},
            },
        }
