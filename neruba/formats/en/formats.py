"""Formats of the console. The spaces of an instant do not break."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d\u00a0H:i\u00a0T"
