"""What is answered where a second person has to approve."""

from rest_framework.response import Response

from ledger.api.wallet_bodies import AskedBody
from ledger.services.giving import Asked


def asked_answer(asked: Asked) -> Response:
    """Nothing was done yet: 202 with the approval that it waits for."""
    return Response(AskedBody({"approval": asked.approval}).data, status=202)
