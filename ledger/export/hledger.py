"""The books for hledger: `hledger check --strict` proves each entry and our balances. Pure."""

from collections.abc import Iterator

from ledger.export.book import Book, ExportedEntry, Total, parents, signed
from ledger.export.names import account_name
from ledger.templates import AccountKey, Move
from neruba.money import exponent
from neruba.period import rfc3339

MEDIA_TYPE = "text/plain; charset=utf-8"
SUFFIX = "journal"
# `;` begins a comment, `|` divides payee and note, `,` ends a tag, `[` may begin a date; `%` is
# what these are written with.
_RESERVED = frozenset("%;|,[]")


def hledger_lines(book: Book) -> Iterator[str]:
    """The file, some lines at a time.

    The balances stand in a transaction of their own that moves nothing, on the day after the last:
    `=` asserts an account, `=*` it and what is below it.
    """
    yield f"; {plain(book.name)}\ndecimal-mark .\n"
    yield from (f"commodity {_sample(unit)}\n" for unit in book.currencies)
    if book.begins_on is None:
        return
    totals = list(book.totals())
    yield from (f"account {name}\n" for name, _ in parents(totals))
    for key in book.accounts():
        yield f"account {account_name(key)}{_whose(key)}\n"
    yield from _opening(book)
    for entry in book.entries():
        yield _transaction(entry)
    yield from _closing(book, totals)


def _sample(currency: str) -> str:
    """An amount from which hledger learns the digits and the decimal mark."""
    return f"1000.{'0' * exponent(currency)} {currency}"


def _whose(key: AccountKey) -> str:
    facts = {"customer": key.party, "sub": key.sub}
    tags = ", ".join(f"{name}:{plain(text)}" for name, text in facts.items() if text)
    return f"  ; {tags}" if tags else ""


def _opening(book: Book) -> Iterator[str]:
    """One transaction with every balance that the period begins with: their sum is zero."""
    is_begun = False
    for account, minor in book.opening():
        if not is_begun:
            yield f"\n{book.begins_on} * (opening) Opening balances\n"
            is_begun = True
        yield f"    {account_name(account)}  {signed(minor, account.currency)}\n"


def _transaction(entry: ExportedEntry) -> str:
    head = [f"\n{entry.on} * ({entry.id}) {plain(str(entry.key))}\n"]
    facts = {
        "kind": entry.key.kind,
        "object": entry.key.object,
        "occurrence": str(entry.key.occurrence),
        "reverses": str(entry.reverses) if entry.reverses else "",
        "occurred-at": rfc3339(entry.occurred_at),
        "recorded-at": rfc3339(entry.recorded_at),
    }
    head += [f"    ; {name}:{plain(text)}\n" for name, text in facts.items() if text]
    return "".join(head) + "".join(_postings(move) for move in entry.moves)


def _postings(move: Move) -> str:
    facts = {"document": move.document, "line": move.line}
    tags = ", ".join(f"{name}:{plain(text)}" for name, text in facts.items() if text)
    noted = f"  ; {tags}" if tags else ""
    sides = ((move.debit, move.amount_minor), (move.credit, -move.amount_minor))
    return "".join(
        f"    {account_name(key)}  {signed(minor, key.currency)}{noted}\n" for key, minor in sides
    )


def _closing(book: Book, totals: list[Total]) -> Iterator[str]:
    if book.asserted_on is None:
        return
    is_begun = False
    for account, minor in book.closing():
        if not is_begun:
            yield f"\n{book.asserted_on} * (closing) Balances of the ledger\n"
            is_begun = True
        unit = account.currency
        yield f"    {account_name(account)}  {signed(0, unit)} = {signed(minor, unit)}\n"
    if not is_begun:
        return
    # A parent holds no postings, so that a posting of zero there changes no leaf.
    for name, one in parents(totals):
        zero, total = signed(0, one.currency), signed(one.minor, one.currency)
        yield f"    {name}  {zero} =* {total}\n"


def plain(text: str) -> str:
    """Text that hledger reads as nothing but text; what it would not is `%` and its bytes in
    hexadecimal, so that it can be read back.
    """
    escaped = "".join(map(_character, text))
    # What is around a description or a tag is cut off.
    inner = escaped.strip(" ")
    before = len(escaped) - len(escaped.lstrip(" ")) if inner else len(escaped)
    after = len(escaped) - before - len(inner)
    return "%20" * before + inner + "%20" * after


def _character(one: str) -> str:
    if one not in _RESERVED and one.isprintable():
        return one
    return "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogatepass"))
