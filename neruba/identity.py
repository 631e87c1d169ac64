"""Finding the words that name a person in any text. Pure: no Django."""

import json
import re
from collections.abc import Iterable, Mapping, Set
from functools import cached_property, partial
from typing import Any

ERASED = "[erased]"
MIN_WORD = 3
PART = re.compile(r"\d")
LETTER = re.compile(r"[^\W\d_]")
# Below that a number (a postal code, a year, an amount) names nobody, and stands everywhere.
MIN_DIGITS = 7
# Amounts, quantities and instants, as JSON has them in strings.
VALUE = re.compile(r"-?\d+(\.\d+)?|\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:\d\d)?)?")
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?P<key>\s*:)?')


def names_somebody(word: str) -> bool:
    """Whether a word can be taken out of texts without spoiling others: three characters with a
    letter among them, or seven digits.
    """
    if LETTER.search(word):
        return len(word) >= MIN_WORD
    return len(re.findall(r"\d", word)) >= MIN_DIGITS


class Identity:
    """The words that name a person: `without` takes them out of a text.

    Name, e-mail address and tax ids are such words; of an address or metadata the parts that hold a
    digit (street and number, telephone). A city, a country or a postal code alone names nobody, and
    taking it out of every text would only spoil them; `beside` are such parts of an address, which
    go where they are a whole value in a JSON document that holds one of the words. Upper and lower
    case do not matter; a word within a longer one is none.
    """

    def __init__(self, words: Iterable[str], beside: Iterable[str] = ()) -> None:
        self.beside = frozenset(beside)
        self.words = tuple(sorted({word.strip() for word in words if names_somebody(word.strip())}))

    @classmethod
    def of(cls, facts: Iterable[Mapping[str, Any]]) -> "Identity":
        """From `name`, `email`, `tax_ids`, `billing_address` and `metadata` as they were at some
        time.
        """
        words, beside = list[str](), set[str]()
        for one in facts:
            words += [one.get("name") or "", one.get("email") or "", *(one.get("tax_ids") or ())]
            for parts in (one.get("billing_address") or {}, one.get("metadata") or {}):
                words += [str(text) for text in parts.values() if PART.search(str(text))]
            beside |= {str(part) for part in (one.get("billing_address") or {}).values()}
        return cls(words, (part for part in beside if PART.search(part) and len(part) >= MIN_WORD))

    def but(self, *spared: str) -> "Identity":
        """The same without these words."""
        kept = {one.casefold() for one in spared}
        return Identity((one for one in self.words if one.casefold() not in kept), self.beside)

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """The words as texts hold them, and as JSON does; the longest first."""
        found = set(self.words)
        for word in self.words:
            found |= {json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}
        return tuple(sorted(found, key=lambda text: (-len(text), text)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        several = "|".join(map(re.escape, self.spellings))
        return re.compile(rf"(?<!\w)(?:{several})(?!\w)", re.IGNORECASE)

    def without(self, text: str) -> str:
        """The text with `[erased]` for each of the words. Of a JSON document only string values are
        touched, and of these no amount, quantity or instant: keys, numbers and the rest stay
        byte for byte, so that it is read as before.
        """
        if not self.words:
            return text
        if not _is_document(text):
            return self._prose(text)
        values = self._exact | self.beside if self._pattern.search(text) else self._exact
        return JSON_STRING.sub(partial(self._string, values), text)

    def _prose(self, text: str) -> str:
        return self._pattern.sub(ERASED, text)

    def _string(self, values: Set[str], found: re.Match[str]) -> str:
        if found["key"] is not None:
            return found[0]
        value: str = json.loads(found[0], strict=False)
        if value.strip().casefold() in values:
            return json.dumps(ERASED)
        if VALUE.fullmatch(value):
            return found[0]
        cleaned = self._prose(value)
        return found[0] if cleaned == value else json.dumps(cleaned, ensure_ascii=False)

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(word.casefold() for word in self.words)

    def is_in(self, text: str) -> bool:
        return self.without(text) != text


def _is_document(text: str) -> bool:
    """Whether it is a JSON object or list."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True
