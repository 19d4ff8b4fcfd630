# SPDX-License-Identifier: MPL-2.0
"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["near", "suggestion"]

LONGEST = 100
"""no known word is nearly as long; comparing longer ones takes time and finds nothing"""


def near(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that is most like `word`, if one is; `likeness` is difflib's ratio, of which 1 is the same."""
    if len(word) > LONGEST:
        return None
    spellings = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), spellings, n=1, cutoff=likeness)
    return spellings[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """A question for the word that may have been meant, or an empty text."""
    found = near(word, known, likeness=likeness)
    return f'Did you mean "{found}"?' if found else ""
