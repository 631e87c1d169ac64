"""What is answered where a second person has to approve."""

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from ledger.services.giving import Asked


class AskedCorrectionBody(serializers.Serializer[Any]):
    """Above the operator's limit: nothing was done, somebody else decides."""

    approval = serializers.CharField()


def asked_answer(asked: Asked) -> Response:
    return Response(AskedCorrectionBody({"approval": asked.approval}).data, status=202)
