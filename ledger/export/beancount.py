"""The books for Beancount 3: `bean-check` proves each entry and, exactly, our balances. Pure."""

from collections.abc import Iterator

from ledger.export.book import Book, ExportedEntry, parents, signed
from ledger.export.names import account_name
from ledger.templates import AccountKey, Move
from neruba.period import rfc3339

MEDIA_TYPE = "text/plain; charset=utf-8"
SUFFIX = "beancount"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def beancount_lines(book: Book) -> Iterator[str]:
    """The file, some lines at a time.

    Balances are asserted with a tolerance of zero: by itself Beancount lets one unit of the last
    digit pass.
    """
    yield f'option "title" {quoted(book.name)}\n'
    yield from (f'option "operating_currency" "{unit}"\n' for unit in book.currencies)
    if book.begins_on is None:
        return
    totals = list(book.totals())
    yield from (f"{book.begins_on} commodity {unit}\n" for unit in book.currencies)
    for name, one in parents(totals):
        yield f"{book.begins_on} open {name} {one.currency}\n"
    for key in book.accounts():
        yield f"{book.begins_on} open {account_name(key)} {key.currency}\n{_whose(key)}"
    yield from _opening(book)
    for entry in book.entries():
        yield _transaction(entry)
    if book.asserted_on is None:
        return
    yield "\n"
    for account, minor in book.closing():
        yield _balance(book, account_name(account), minor, account.currency)
    for name, one in parents(totals):
        yield _balance(book, name, one.minor, one.currency)


def _whose(key: AccountKey) -> str:
    """The account's natural key, which its name holds only in escaped form."""
    facts = {"code": key.code, "customer": key.party, "sub": key.sub}
    return "".join(f"  {name}: {quoted(text)}\n" for name, text in facts.items() if text)


def _opening(book: Book) -> Iterator[str]:
    """One transaction with every balance that the period begins with: their sum is zero."""
    is_begun = False
    for account, minor in book.opening():
        if not is_begun:
            yield f'\n{book.begins_on} * "Opening balances"\n'
            is_begun = True
        yield f"  {account_name(account)}  {signed(minor, account.currency)}\n"


def _transaction(entry: ExportedEntry) -> str:
    head = [f"\n{entry.on} * {quoted(str(entry.key))}\n", f'  entry: "{entry.id}"\n']
    facts = {
        "kind": entry.key.kind,
        "object": entry.key.object,
        "reverses": str(entry.reverses) if entry.reverses else "",
    }
    head += [f"  {name}: {quoted(text)}\n" for name, text in facts.items() if text]
    head.append(f"  occurrence: {entry.key.occurrence}\n")
    head.append(f'  occurred-at: "{rfc3339(entry.occurred_at)}"\n')
    head.append(f'  recorded-at: "{rfc3339(entry.recorded_at)}"\n')
    return "".join(head) + "".join(_postings(move) for move in entry.moves)


def _postings(move: Move) -> str:
    facts = {"document": move.document, "line": move.line}
    noted = "".join(f"    {name}: {quoted(text)}\n" for name, text in facts.items() if text)
    sides = ((move.debit, move.amount_minor), (move.credit, -move.amount_minor))
    return "".join(
        f"  {account_name(key)}  {signed(minor, key.currency)}\n{noted}" for key, minor in sides
    )


def _balance(book: Book, name: str, minor: int, currency: str) -> str:
    amount, _, unit = signed(minor, currency).partition(" ")
    return f"{book.asserted_on} balance {name}  {amount} ~ 0 {unit}\n"


def quoted(text: str) -> str:
    """A string of Beancount's; characters that it could not hold are written as `\\uXXXX`."""
    return f'"{"".join(map(_character, text))}"'


def _character(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    return one if one.isprintable() else f"\\\\u{ord(one):04X}"
