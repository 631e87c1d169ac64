"""What is answered where no view answers: problem documents under /api/, pages everywhere else.

Neither shows what went wrong inside: a fault has an incident id, which is in the log.
"""

import logging
import uuid
from functools import partial
from typing import Any

from csp.decorators import csp
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from neruba.api.problems import API, plain_problem

logger = logging.getLogger(__name__)

TITLES = {
    400: "This request cannot be read",
    403: "Not allowed",
    404: "There is nothing here",
    500: "Something went wrong on our side",
}


def _page(request: HttpRequest, status: int, words: str, incident: str = "") -> HttpResponseBase:
    shown = {"status": status, "title": TITLES[status], "words": words, "incident": incident}
    view = partial(render, template_name="error.html", context=shown, status=status)
    return csp(settings.ERROR_PAGE_POLICY)(view)(request)


def bad_request(request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponseBase:
    """Django's `handler400`: a wrong host, more fields than are read."""
    if request.path_info.startswith(API):
        return plain_problem(400, "bad_request", TITLES[400])
    return _page(request, 400, "Its host, its size or its form is not what is expected here.")


def forbidden(request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponseBase:
    """Django's `handler403`."""
    if request.path_info.startswith(API):
        return plain_problem(403, "permission_denied", TITLES[403])
    return _page(request, 403, "Your role does not include this page.")


def bad_csrf_token(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's `CSRF_FAILURE_VIEW`."""
    logger.warning("form refused: %s", reason)
    return _page(request, 403, "The form is too old or from elsewhere. Load its page again.")


def not_found(request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponseBase:
    """Django's `handler404`, and what answers every address below /api/ that is not known."""
    if request.path_info.startswith(API):
        return plain_problem(404, "not_found", f"There is nothing at {request.path}.")
    return _page(request, 404, "The address is wrong, or what it named is gone.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's `handler500`; Django itself has logged the exception."""
    incident = uuid.uuid4().hex
    logger.error("incident %s", incident)
    if request.path_info.startswith(API):
        words = "Something went wrong on our side."
        return plain_problem(500, "internal", words, incident=incident)
    return _page(request, 500, "It is in the log, under this number:", incident)
