"""The search of the navigation; unfold's view faults on a page that is no number or not there."""

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse


def search(request: HttpRequest) -> HttpResponse:
    """Unfold's own view; a page that there is not is not found."""
    view = admin.site.search  # type: ignore[attr-defined]
    try:
        found: HttpResponse = view(request)
    except (InvalidPage, ValueError) as error:
        raise Http404 from error
    return found
