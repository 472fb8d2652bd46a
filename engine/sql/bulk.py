"""Long INSERT ... VALUES lists, as dumps and loaders send them (pure).

Parsing a megabyte of literals into a tree and compiling it costs far more than inserting the
rows. So a long list of plain values is cut by one regular expression; the statement without it,
with one row of parameters instead, is prepared as usual. Anything that is not a plain literal
sends the statement down the ordinary way.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import frozen

from engine.sql.parse.lexer import hex_value, unquote
from engine.sql.plans import DEFAULT_VALUE

SHORTEST: Final = 1024  # characters from which this way is worth a look

_HEAD: Final = re.compile(
    r"\s*(?:INSERT|REPLACE)\b(?:[^'\"(]|`(?:[^`]|``)*`)*?(?:\([^()'\"]*\)\s*)?\bVALUES?\s*(?=\()",
    re.I,
)
_VALUE: Final = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]+|\\.|'')*'|"(?:[^"\\]+|\\.|"")*")
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
      | (?P<word>NULL|DEFAULT|TRUE|FALSE)\b
      | (?P<hex>0x[0-9A-F]+\b|x'[0-9A-F]*')
      | _binary\s*(?P<binary>'(?:[^'\\]+|\\.|'')*')
    )\s*(?P<end>[,)])""",
    re.X | re.S | re.I,
)
_BETWEEN_ROWS: Final = re.compile(r"\s*(?P<comma>,)?\s*(?P<open>\()?")
_WORDS: Final[dict[str, Any]] = {"NULL": None, "TRUE": 1, "FALSE": 0, "DEFAULT": DEFAULT_VALUE}


@frozen
class BulkRows:
    """A VALUES list taken out of its statement."""

    statement: str  # with one row of parameters
    rows: list[list[Any]]


def cut_rows(sql: str) -> BulkRows | None:
    """The rows and the rest; None when the statement is not of this kind."""
    head = _HEAD.match(sql)
    if head is None:
        return None
    rows: list[list[Any]] = []
    position = head.end() + 1
    while True:
        found = _row(sql, position)
        if found is None:
            return None
        row, position = found
        rows.append(row)
        gap = _BETWEEN_ROWS.match(sql, position)
        assert gap is not None
        if gap["comma"] is None:
            break
        if gap["open"] is None:
            return None
        position = gap.end()
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        return None  # the ordinary way has the right error
    tail = sql[position:]
    if "'" in tail or '"' in tail:
        return None
    marks = ", ".join("?" * width)
    return BulkRows(f"{sql[: head.end()]}({marks}){tail}", rows)


def _row(sql: str, position: int) -> tuple[list[Any], int] | None:
    row: list[Any] = []
    match = _VALUE.match
    while True:
        found = match(sql, position)
        if found is None:
            return None
        position = found.end()
        row.append(_value(found))
        if found["end"] == ")":
            return row, position


def _value(found: re.Match[str]) -> Any:
    text = found["string"]
    if text is not None:
        return unquote(text)
    text = found["number"]
    if text is not None:
        if text.isdigit() or (text[1:].isdigit() and text[0] == "-"):
            return int(text)
        return float(text) if "e" in text or "E" in text else text
    text = found["word"]
    if text is not None:
        return _WORDS[text.upper()]
    text = found["hex"]
    if text is not None:
        return hex_value(text)
    return unquote(found["binary"]).encode("utf-8", "surrogateescape")
