"""Why credit is given or taken back: the codes that reports group by. Pure.

The reason in words stands beside the code. The list is short on purpose: a report adds up by it.
"""

REASONS: dict[str, str] = {
    "goodwill": "Goodwill",
    "service_failure": "A failure of the service",
    "billing_error": "An error in billing",
    "promotion": "A promotion",
    "contract": "Agreed in a contract",
    "purchase": "Bought, and paid for",
    "credit_note": "In place of a credit note",
    "other": "Other",
}
