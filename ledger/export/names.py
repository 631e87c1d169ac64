"""Names of accounts that Beancount and hledger both take, whatever customers are called. Pure.

    Assets:1100-Accounts-receivable:USD:C-acme-20corp
    ^ root ^ code and name of the chart ^ currency ^ customer ("acme corp")

1. The root follows from the first digit of the code; a code that is not of these is Equity.
2. A code that is divided (by customer or otherwise) has a part `C-…` for the customer and a part
   `S-…` for what else tells its accounts apart; an account of such a code with neither is `Own`.
3. In these parts ASCII letters and digits stand for themselves and a dash is two; every other byte
   of the UTF-8 text is a dash and two hexadecimal digits. So the text can be read back, and two
   accounts never have one name.

The name without the parts of 2 is the parent of all accounts of a code and currency.
"""

import re

from ledger.chart import chart_account
from ledger.templates import AccountKey

ROOTS = {"1": "Assets", "2": "Liabilities", "4": "Income", "5": "Expenses"}
OTHER_ROOT = "Equity"
OWN = "Own"

_DASH = ord("-")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_ESCAPED = re.compile(r"-(-|[0-9A-F]{2})")


def account_name(key: AccountKey) -> str:
    """The account's name. Law: names are equal only where keys are."""
    parts = [total_name(key.code, key.currency)]
    if key.party:
        parts.append(f"C-{escaped(key.party)}")
    if key.sub:
        parts.append(f"S-{escaped(key.sub)}")
    if len(parts) == 1 and _is_divided(key.code):
        parts.append(OWN)
    return ":".join(parts)


def total_name(code: str, currency: str) -> str:
    """The name above all accounts of a code in a currency; an undivided code's only account."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", chart_account(code).name)
    return f"{ROOTS.get(code[:1], OTHER_ROOT)}:{code}-{words}:{currency}"


def _is_divided(code: str) -> bool:
    known = chart_account(code)
    return known.party != "none" or bool(known.sub)


def escaped(text: str) -> str:
    """The text by letters, digits and dashes; `unescaped` reads it back."""
    return "".join(map(_written, text.encode("utf-8", "surrogatepass")))


def _written(byte: int) -> str:
    if byte == _DASH:
        return "--"
    return chr(byte) if byte in _PLAIN else f"-{byte:02X}"


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    raw = _ESCAPED.sub(lambda found: "-" if found[1] == "-" else chr(int(found[1], 16)), text)
    return raw.encode("latin-1").decode("utf-8", "surrogatepass")
