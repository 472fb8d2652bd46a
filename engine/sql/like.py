"""Pure: LIKE patterns matched in Python, for what is not in a SQLite table."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache


@lru_cache(maxsize=256)
def pattern(like: str, escape: str = "\\", *, ignore_case: bool = True) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression for the whole text."""
    parts = []
    characters = iter(like)
    for char in characters:
        if char == escape:
            parts.append(re.escape(next(characters, escape)))
        elif char == "%":
            parts.append(".*")
        elif char == "_":
            parts.append(".")
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matcher(like: str | None, *, ignore_case: bool = True) -> Callable[[str], bool]:
    """Whether a text matches; everything does when there is no pattern."""
    if like is None:
        return lambda text: True
    compiled = pattern(like, ignore_case=ignore_case)
    return lambda text: compiled.fullmatch(text) is not None
