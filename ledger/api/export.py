"""The books as a file."""

from collections.abc import Iterable
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from ledger.export.formats import FORMATS
from ledger.selectors.export import export_chunks
from neruba.api.fields import Instant, Strict
from neruba.api.views import ProjectView
from neruba.downloads import attachment
from neruba.errors import InvalidError


class ExportQuery(Strict):
    format = serializers.ChoiceField(choices=sorted(FORMATS))
    to = Instant(required=False, default=None, help_text="Entries that occurred before it.")

    def get_fields(self) -> dict[str, Any]:
        since = Instant(
            required=False,
            default=None,
            help_text="What was before it comes as opening balances (not in CSV).",
        )
        # `from` is a word of Python.
        return {**super().get_fields(), "from": since}


class AsAsked(BaseContentNegotiation):
    """The query says the format, which DRF would look for among its renderers; these are for
    refusals.
    """

    def select_parser(self, _request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))

    def select_renderer(
        self, _request: Request, renderers: Iterable[Any], _format_suffix: str | None = None
    ) -> tuple[Any, str]:
        first = next(iter(renderers))
        return first, first.media_type


class LedgerExport(ProjectView):
    scopes = {"GET": "ledger:read"}
    content_negotiation_class = AsAsked

    @extend_schema(
        parameters=[ExportQuery],
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The books for Beancount, hledger or as CSV, sent as they are read, with their balances
        as assertions.
        """
        query = self.query(ExportQuery)
        since, to, form = query["from"], query["to"], FORMATS[query["format"]]
        if since is not None and to is not None and to <= since:
            raise InvalidError("`to` is not later than `from`: there is nothing between them.")
        return attachment(
            export_chunks(self.project, query["format"], since=since, to=to),
            media_type=form.media_type,
            name=f"{self.project.slug}-ledger.{form.suffix}",
        )
