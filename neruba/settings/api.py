"""Settings of the HTTP API."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["neruba.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["neruba.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["neruba.api.throttles.CallerThrottle"],
    "DEFAULT_PAGINATION_CLASS": "neruba.api.pagination.CursorList",
    "DEFAULT_PARSER_CLASSES": ["neruba.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "neruba.api.schema.NerubaSchema",
    "EXCEPTION_HANDLER": "neruba.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}

DRF_STANDARDIZED_ERRORS: dict[str, Any] = {
    "EXCEPTION_HANDLER_CLASS": "neruba.api.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "neruba.api.problems.ProblemFormatter",
    "NESTED_FIELD_SEPARATOR": "/",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Neruba",
    "DESCRIPTION": "Usage events in, invoices that explain themselves out.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Where one name has several sets of values.
    "ENUM_NAME_OVERRIDES": {
        "ChangeState": "billing.api.changes.STATES",
        "ApprovalState": "neruba.selectors.approvals.STATES",
        "GrantState": "ledger.api.wallet_bodies.STATES",
        "ChangeType": "billing.api.changes.TYPES",
        "ProjectMode": "neruba.models.Project.Mode",
        "RoundingMode": "ingest.api.meters.ROUNDING_MODES",
        "MoneyRounding": "billing.rating.prorating.ROUNDINGS",
        "RoundingEnum": "billing.api.catalog.PACKAGE_ROUNDINGS",
        "GrantKind": "ledger.models.Grant.Kind",
        "PriceKind": "billing.api.catalog.KINDS",
        "EntitlementType": "billing.api.catalog.ENTITLEMENT_TYPES",
        "CreditNoteSettle": "billing.models.CreditNote.Settle",
        "PaymentMethod": "payments.models.Payment.Method",
        "OutsideMethod": "payments.api.payments.OUTSIDE",
    },
}
