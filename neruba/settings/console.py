"""Look and navigation of the operator console."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Neruba",
    "SITE_HEADER": "Neruba",
    "SITE_SUBHEADER": "Billing back office",
    "SITE_SYMBOL": "receipt_long",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
}
