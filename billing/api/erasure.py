"""Erasing a customer's identity."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.services.erasure import Erased, erase_customer
from neruba import clock
from neruba.api.fields import Instant, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.models import Customer


class ErasureRequest(Strict):
    reason = Text(max_length=1000)


class ErasureBody(serializers.Serializer[Erased]):
    external_id = serializers.CharField(
        source="customer.external_id", help_text="It stays: books and hashes are made of it."
    )
    id_names_person = serializers.BooleanField(
        source="is_named", help_text="True where the id holds a word of what was erased."
    )
    erased_at = Instant(source="customer.erased_at")
    documents = serializers.IntegerField(source="documents.issued", help_text="Issued invoices.")
    documents_kept = serializers.SerializerMethodField(
        help_text="Those whose names and addresses the law keeps for now."
    )
    kept_until = Instant(
        source="documents.kept_until",
        allow_null=True,
        help_text="When the last of them is free; then send the request again.",
    )

    def get_documents_kept(self, erased: Erased) -> int:
        return len(erased.documents.kept)


class CustomerErase(ProjectView):
    """Takes out of the project what names the person; what was counted and billed stays."""

    scopes = {"POST": "admin"}

    @extend_schema(request=ErasureRequest, responses=ErasureBody)
    def post(self, request: Request, external_id: str) -> Response:
        """For good. 409 `bills_to_come` while something will still be billed to the customer. The
        same request again answers the same.
        """
        given: dict[str, Any] = self.body(ErasureRequest)
        customers = Customer.objects.filter(project=self.project).select_related("project")
        erased = erase_customer(
            customer=one(customers, "customer", external_id=external_id),
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(ErasureBody(erased).data)
