"""States of payments, refunds, disputes and checkout sessions, and which may follow which. Pure.

What a provider's object shows may be older than what is known already: a state that cannot be
reached from the present one is stale and changes nothing.
"""

from collections.abc import Mapping

Table = Mapping[str, frozenset[str]]

PAYMENT: Table = {
    "pending": frozenset({"failed", "succeeded"}),
    # An attempt that failed may be followed by one with another card.
    "failed": frozenset({"succeeded"}),
    "succeeded": frozenset({"reversed"}),
    "reversed": frozenset(),
}
REFUND: Table = {
    "pending": frozenset({"succeeded", "failed"}),
    "succeeded": frozenset({"failed"}),
    "failed": frozenset(),
}
DISPUTE: Table = {
    "open": frozenset({"won", "lost"}),
    "won": frozenset(),
    "lost": frozenset(),
}
CHECKOUT: Table = {
    "open": frozenset({"completed", "expired"}),
    "completed": frozenset(),
    "expired": frozenset(),
}


def follows(table: Table, before: str, after: str) -> bool:
    """Whether `after` can be reached from `before`, in one step or in several that were not seen.

    Law: a strict order; of two different states that are seen in any order, the later one stays.
    """
    reached = set(table[before])
    while True:
        further = reached.union(*(table[state] for state in reached))
        if further == reached:
            return after in reached
        reached = further
