"""The base of every endpoint: key to project, scope, one transaction, the answer kept
for repeats.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db.models import Model, QuerySet
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.status import is_success
from rest_framework.views import APIView

from neruba import clock
from neruba.actor import Actor
from neruba.api.authentication import OperatorPass
from neruba.api.fields import Identifier, Strict, Whole
from neruba.api.pagination import CursorList
from neruba.api.problems import LengthRequiredError, PayloadTooLargeError
from neruba.edge import run_atomic
from neruba.errors import InvalidError, NerubaError, NotFoundError
from neruba.models import ApiKey, Project
from neruba.services.idempotency import StoredAnswer, claim_key, keep_answer

WRITING = frozenset({"POST", "PATCH", "DELETE"})
INLINE_SECONDS = 25
MAX_BODY = 256 * 1024
MAX_KEY_LENGTH = 255
Row = TypeVar("Row", bound=Model)


class ListQuery(Strict):
    """The query of every list; lists with filters add theirs."""

    limit = Whole(required=False)  # read by the paginator, which knows the bounds
    cursor = Identifier(required=False, max_length=1000)


class ProjectView(APIView):
    """An endpoint of one project.

    `scopes` names the scope that each method needs. A writing method runs inside one durable
    transaction together with its idempotency record, unless the view sets `own_transactions`
    because its work takes many.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    needs_key: ClassVar[frozenset[str]] = frozenset()
    own_transactions: ClassVar[bool] = False
    # Secrets: an answer is kept without them, and a repeat gets null.
    shown_once: ClassVar[frozenset[str]] = frozenset()
    max_body: ClassVar[int] = MAX_BODY

    @property
    def project(self) -> Project:
        auth = self.request.auth
        assert isinstance(auth, ApiKey | OperatorPass)
        assert auth.project is not None
        return auth.project

    @property
    def actor(self) -> Actor:
        actor = self.request.user
        assert isinstance(actor, Actor)
        return actor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers:
            raise LengthRequiredError
        if len(request._request.body) > self.max_body:
            raise PayloadTooLargeError
        method = request.method or ""
        handler = getattr(self, method.lower(), None)
        if handler is None:
            raise MethodNotAllowed(method)
        if method in WRITING:
            # DRF looks the handler up by name after this hook; the wrapped one stands in for this
            # request.
            setattr(self, method.lower(), partial(self._write, handler))

    def _write(
        self, handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        key = self._idempotency_key(request)
        work = partial(self._with_key, key, handler, request, *args, **kwargs)
        return work() if self.own_transactions else run_atomic(work)

    def _idempotency_key(self, request: Request) -> str | None:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            if request.method in self.needs_key:
                raise InvalidError(
                    "The header Idempotency-Key is required here, since money moves."
                )
            return None
        if not key.isascii() or not key.isprintable() or not 0 < len(key.strip()) <= MAX_KEY_LENGTH:
            raise InvalidError(
                f"Idempotency-Key: expected 1 to {MAX_KEY_LENGTH} printable ASCII characters."
            )
        return key.strip()

    def _with_key(
        self,
        key: str | None,
        handler: Callable[..., Response],
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> Response:
        if key is None:
            return handler(request, *args, **kwargs)
        claim = partial(
            claim_key,
            project=self.project,
            key=key,
            request_hash=_request_hash(request),
            at=clock.wall(),
        )
        claimed = run_atomic(claim) if self.own_transactions else claim()
        if isinstance(claimed, StoredAnswer):
            if claimed.status == 0:
                # Only work of many transactions commits its claim first; a repeat finishes what a
                # crash left.
                return handler(request, *args, **kwargs)
            body = json.loads(claimed.body) if claimed.body else None
            return Response(body, status=claimed.status, headers={"Idempotent-Replayed": "true"})
        try:
            response = handler(request, *args, **kwargs)
        except (APIException, NerubaError):
            # A refused request may use its key again; elsewhere the rollback sees to that.
            if self.own_transactions:
                run_atomic(claimed.delete)
            raise
        if is_success(response.status_code):
            kept = response.data
            if self.shown_once:
                kept = {**kept, **dict.fromkeys(self.shown_once)}
            body = JSONRenderer().render(kept).decode()
            keep_answer(claimed, status=response.status_code, body=body)
        else:
            claimed.delete()
        return response

    def body(self, serializer_class: type[Serializer[Any]], **kwargs: Any) -> dict[str, Any]:
        """The validated body. Raises ValidationError (400) with a pointer for each fault."""
        serializer = serializer_class(data=self.request.data, **kwargs)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def query(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """The validated query, in which no name is unknown."""
        data: dict[str, Any] = self.request.query_params.dict()
        limit = data.get("limit", "")
        if limit.isascii() and limit.isdigit():
            data["limit"] = int(limit[:9])
        serializer = serializer_class(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def listed(
        self,
        rows: QuerySet[Row],
        body: type[Serializer[Any]] | Callable[[list[Row]], list[Any]],
    ) -> Response:
        """One page of `rows`, oldest first, each as the serializer (or the function of a page)
        shows it.
        """
        paginator = CursorList()
        page = list(paginator.paginate_queryset(rows, self.request, view=self) or [])
        shown = body(page, many=True).data if isinstance(body, type) else body(page)
        return paginator.get_paginated_response(shown)


def inline_time() -> Callable[[], bool]:
    """Whether a request that works for longer may still go on; asked between two steps."""
    stop_at = time.monotonic() + INLINE_SECONDS
    return lambda: time.monotonic() < stop_at


def one(rows: QuerySet[Row], what: str, **lookup: Any) -> Row:
    """The one row, or NotFoundError; the lookup within the project's rows is the tenant check."""
    row = rows.filter(**lookup).first()
    if row is None:
        raise NotFoundError(f"There is no such {what} in this project.")
    return row


def _request_hash(request: Request) -> str:
    content = [request.method, request.get_full_path(), request.data]
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
