"""What all endpoints share: a bound for the body, strict reading, lists. And those of operators,
which belong to no project.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from neruba.actor import Actor
from neruba.api.authentication import OperatorPass
from neruba.api.fields import Identifier, Strict, Whole
from neruba.api.pagination import CursorList
from neruba.api.permissions import IsOperator
from neruba.api.problems import LengthRequiredError, PayloadTooLargeError

MAX_BODY = 256 * 1024
Row = TypeVar("Row", bound=Model)


class ListQuery(Strict):
    """The query of every list; lists with filters add theirs."""

    limit = Whole(required=False)  # read by the paginator, which knows the bounds
    cursor = Identifier(required=False, max_length=1000)


class ApiView(APIView):
    """An endpoint of the API."""

    max_body: ClassVar[int] = MAX_BODY
    pagination_class = CursorList  # how the contract says what a list answers

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
        if not hasattr(self, method.lower()):
            raise MethodNotAllowed(method)

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
        paginator = self.pagination_class()
        page = list(paginator.paginate_queryset(rows, self.request, view=self) or [])
        shown = body(page, many=True).data if isinstance(body, type) else body(page)
        return paginator.get_paginated_response(shown)


class OperatorView(ApiView):
    """An endpoint of operators, whatever their projects; the methods in `public` ask for no
    credential and read none. It keeps no answers for repeats: those are a project's.
    """

    permission_classes = (IsOperator,)
    public: ClassVar[frozenset[str]] = frozenset()

    @property
    def operator(self) -> OperatorPass:
        auth = self.request.auth
        assert isinstance(auth, OperatorPass)
        return auth

    def perform_authentication(self, request: Request) -> None:
        if request.method not in self.public:
            super().perform_authentication(request)
            return
        # Whoever asks later, such as a throttle, finds nobody and reads no credential either.
        request.user = None  # type: ignore[assignment]
        request.auth = None

    def check_permissions(self, request: Request) -> None:
        if request.method not in self.public:
            super().check_permissions(request)
