"""Every address that Neruba answers."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser

from neruba.api.problems import not_found, server_error
from neruba.ops import views as operations

API_APPS = ["neruba", "ingest", "ledger", "billing"]
_docs: dict[str, Any] = {
    "permission_classes": [AllowAny if settings.API_DOCS == "open" else IsAdminUser],
    "authentication_classes": [SessionAuthentication],
}

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/")),
    path("health/live", operations.live),
    path("health/ready", operations.ready),
    path("metrics", operations.metrics),
    path("admin/", admin.site.urls),
    path("api/v1/", include([path("", include(f"{app}.api.urls")) for app in API_APPS])),
]
if settings.API_DOCS != "off":
    urlpatterns += [
        path("api/schema/", SpectacularAPIView.as_view(**_docs), name="schema"),
        path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema", **_docs), name="docs"),
    ]
urlpatterns.append(re_path(r"^api/", csrf_exempt(not_found)))


def handler500(request: HttpRequest) -> HttpResponse:
    return server_error(request)
