"""Every address that Neruba answers."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser

from neruba.admin.choose import choose_project
from neruba.admin.search import search
from neruba.admin.sessions import change_password
from neruba.error_pages import not_found
from neruba.invite_page import invite_page
from neruba.ops import views as operations

API_APPS = ["neruba", "ingest", "ledger", "billing", "payments"]
_docs: dict[str, Any] = {
    "permission_classes": [AllowAny if settings.API_DOCS == "open" else IsAdminUser],
    "authentication_classes": [SessionAuthentication],
}

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/")),
    path("health/live", operations.live),
    path("health/ready", operations.ready),
    path("metrics", operations.metrics),
    path("admin/password_change/", admin.site.admin_view(change_password)),
    path("admin/search/", admin.site.admin_view(search)),
    path("admin/project/", admin.site.admin_view(choose_project), name="choose_project"),
    path("admin/finance/", include("support.admin.urls")),
    path("admin/", admin.site.urls),
    path("invite/<str:token>", invite_page, name="invite"),
    path("", include("payments.urls")),
    path("api/v1/", include([path("", include(f"{app}.api.urls")) for app in API_APPS])),
]
if settings.API_DOCS != "off":
    urlpatterns += [
        path("api/schema/", SpectacularAPIView.as_view(**_docs), name="schema"),
        path(
            "api/docs/",
            SpectacularSwaggerSplitView.as_view(url_name="schema", **_docs),
            name="docs",
        ),
    ]
urlpatterns.append(re_path(r"^api/", csrf_exempt(not_found)))

handler400 = "neruba.error_pages.bad_request"
handler403 = "neruba.error_pages.forbidden"
handler404 = "neruba.error_pages.not_found"
handler500 = "neruba.error_pages.server_error"
