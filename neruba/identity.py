"""Finding the words that name a person in any text. Pure: no Django."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

ERASED = "[erased]"
MIN_WORD = 3
PART = re.compile(r"\d")


class Identity:
    """The words that name a person: `without` takes them out of a text.

    Name, e-mail address and tax ids are such words; of an address or metadata the parts that hold a
    digit (street and number, postal code, telephone). A city or a country alone names nobody, and
    taking it out of every text would only spoil them. Upper and lower case do not matter; a word
    within a longer one is none.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(
            sorted({word.strip() for word in words if len(word.strip()) >= MIN_WORD})
        )

    @classmethod
    def of(cls, facts: Iterable[Mapping[str, Any]]) -> "Identity":
        """From `name`, `email`, `tax_ids`, `billing_address` and `metadata` as they were at some
        time.
        """
        words: list[str] = []
        for one in facts:
            words += [one.get("name") or "", one.get("email") or "", *(one.get("tax_ids") or ())]
            for parts in (one.get("billing_address") or {}, one.get("metadata") or {}):
                words += [str(text) for text in parts.values() if PART.search(str(text))]
        return cls(words)

    def but(self, word: str) -> "Identity":
        """The same without this word."""
        return Identity(one for one in self.words if one.casefold() != word.casefold())

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
        """The text with `[erased]` for each of the words."""
        return self._pattern.sub(ERASED, text) if self.words else text

    def is_in(self, text: str) -> bool:
        return self.without(text) != text
