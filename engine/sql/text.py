"""Statement text before parsing: comments, splitting, and digests.

A digest is the text with every literal replaced by a mark. Two texts with one digest differ in
their literals only, so the tokens of one are the tokens of the other with other values: the
literals are numbered here as the lexer numbers them (`plancache` checks that they agree).
"""

from __future__ import annotations

import re
from typing import Final

from engine.errors import syntax_error
from engine.sql.parse.lexer import unquote

# Executable comments up to this version are code: what a MySQL 8.0.x server runs.
VERSION: Final = 80036
MARK: Final = "\0"

_QUOTED: Final = r"""'(?:[^'\\]+|\\.|'')*'|"(?:[^"\\]+|\\.|"")*"|`(?:[^`]|``)*`"""
_PIECES: Final = re.compile(rf"{_QUOTED}|--(?=\s|$)[^\n]*|\#[^\n]*|/\*(?P<code>M?!)?|\*/|;", re.S)

# Numbers not inside a word, and strings not after one (which would be x'..', _utf8mb4'..').
_LITERALS: Final = re.compile(
    r"""(?<![\w$])'(?:[^'\\]+|\\.|'')*'
      | (?<![\w$])"(?:[^"\\]+|\\.|"")*"
      | (?<![\w$.@`])(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w$])""",
    re.S | re.X,
)


def expand_comments(sql: str) -> str:
    """Executable comments become their content; all others become empty ones."""
    if "/*" not in sql:
        return sql
    out: list[str] = []
    position = depth = 0
    for match in _PIECES.finditer(sql):
        if match.start() < position:
            continue
        text = match[0]
        if text == "*/" and depth:
            out.append(sql[position : match.start()] + " ")
            position = match.end()
            depth -= 1
        elif text.startswith("/*"):
            out.append(sql[position : match.start()])
            position = _comment(sql, match, out)
            if match["code"] == "!" and position < len(sql) and not _skipped(sql, match):
                depth += 1
    out.append(sql[position:])
    return "".join(out)


def _comment(sql: str, match: re.Match[str], out: list[str]) -> int:
    """Where reading goes on after the opening of a comment."""
    if match["code"] == "!" and not _skipped(sql, match):
        out.append(" ")
        return match.end() + len(_version(sql, match.end()))
    end = sql.find("*/", match.end())
    out.append(" /**/ ")  # so that a statement of comments only can be told from none
    return len(sql) if end < 0 else end + 2


def _version(sql: str, at: int) -> str:
    found = re.compile(r"\d{5,6}").match(sql, at)
    return "" if found is None else found[0]


def _skipped(sql: str, match: re.Match[str]) -> bool:
    version = _version(sql, match.end())
    return bool(version) and int(version) > VERSION


def split_statements(sql: str) -> list[str]:
    """The statements of a text, without their separators; empty ones dropped."""
    if ";" not in sql:
        return [sql]
    found: list[str] = []
    start = depth = 0
    for match in _PIECES.finditer(sql):
        text = match[0]
        if text == ";" and not depth:
            found.append(sql[start : match.start()])
            start = match.end()
        elif text.startswith("/*"):
            depth += 1
        elif text == "*/" and depth:
            depth -= 1
    found.append(sql[start:])
    return [statement for statement in found if _has_content(statement)]


def _has_content(statement: str) -> bool:
    stripped = statement.strip()
    if not stripped:
        return False
    if stripped[0] not in "-#/":
        return True
    without = re.sub(r"/\*(?!M?!).*?\*/|--(?=\s|$)[^\n]*|\#[^\n]*", "", stripped, flags=re.S)
    return bool(without.strip())


def single_statement(sql: str) -> str:
    """Without CLIENT_MULTI_STATEMENTS a second statement is a syntax error."""
    statements = split_statements(sql)
    if len(statements) > 1:
        raise syntax_error(statements[1].lstrip(), 1)
    return statements[0] if statements else sql


def digest(sql: str) -> tuple[str, list[str]] | None:
    """The text with its literals marked, and the literals; None for texts that hold the mark."""
    if MARK in sql:
        return None
    return _LITERALS.sub(MARK, sql), _LITERALS.findall(sql)


def literal_spans(sql: str) -> list[tuple[int, int]]:
    """Where the digest sees literals; the lexer must see the same ones."""
    return [match.span() for match in _LITERALS.finditer(sql)]


def literal_value(text: str) -> tuple[str, int | float | str]:
    """Kind and value of a literal the digest took out."""
    first = text[0]
    if first == "'" or first == '"':
        return "s", unquote(text)
    if text.isdigit():
        return ("i" if len(text) < 18 else "I"), int(text)
    if "e" in text or "E" in text:
        return "f", float(text)
    return "d", text
