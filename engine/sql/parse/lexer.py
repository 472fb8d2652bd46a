"""Cuts statement text into tokens.

Executable comments are already expanded (see `text.expand_comments`); ordinary comments are
skipped here. String escapes follow the session's sql_mode. Offsets refer to the given text,
and literal tokens are numbered in text order: a cached plan is found by the text without its
literals, and takes their values by these numbers.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.errors import syntax_error

WORD, QUOTED, STRING, INTEGER, DECIMAL, FLOAT, BYTES, PARAM, OPERATOR, END = range(10)

_WITH_ESCAPES: Final = r"""'(?:[^'\\]+|\\.|'')*'|"(?:[^"\\]+|\\.|"")*\""""
_WITHOUT_ESCAPES: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""


def _pattern(strings: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
          (?P<skip>(?:\s+|--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?(?:\*/|$))+)
        | (?P<hex>0x[0-9A-Fa-f]+(?![\w$])|[xX]'[0-9A-Fa-f]*')
        | (?P<bit>0b[01]+(?![\w$])|[bB]'[01]*')
        | (?P<flt>(?:\d+\.\d*|\.\d+|\d+)[eE][+-]?\d+(?![\w$]))
        | (?P<dec>(?:\d+\.\d*|(?<![\w$`])\.\d+)(?![\w$]))
        | (?P<word>[\w$]+)
        | (?P<str>{strings})
        | (?P<qid>`(?:[^`]|``)*`)
        | (?P<par>\?)
        | (?P<op><=>|<>|!=|>=|<=|:=|<<|>>|->>|->|\|\||&&|@@|[-+*/%=<>!~^&|(),.;{{}}:@])
        """,
        re.X | re.S,
    )


_TOKEN: Final = _pattern(_WITH_ESCAPES)
_TOKEN_NO_ESCAPES: Final = _pattern(_WITHOUT_ESCAPES)

_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_ESCAPED: Final = {
    "0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a",
    "%": "\\%", "_": "\\_",
}  # fmt: skip


class Token(NamedTuple):
    kind: int
    text: str  # as written; strings and quoted identifiers decoded
    upper: str  # a word in upper case or the operator; "" for everything else
    start: int
    end: int
    literal: int  # number of the literal in the text, -1 for anything else


class LexerModes(NamedTuple):
    """What sql_mode says about quotes."""

    backslash_escapes: bool = True
    ansi_quotes: bool = False


DEFAULT_MODES: Final = LexerModes()


def unquote(text: str, backslash_escapes: bool = True) -> str:
    """The value of a quoted string literal."""
    quote = text[0]
    body = text[1:-1]
    if quote in body:
        if backslash_escapes and "\\" in body:
            return _unquote_mixed(body, quote)
        return body.replace(quote + quote, quote)
    if backslash_escapes and "\\" in body:
        return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), body)
    return body


def _unquote_mixed(body: str, quote: str) -> str:
    pattern = re.compile(r"\\(.)|" + quote + quote, re.S)
    return pattern.sub(
        lambda match: quote if match[1] is None else _ESCAPED.get(match[1], match[1]), body
    )


def hex_value(text: str) -> bytes:
    digits = text[2:-1] if text[1] == "'" else text[2:]
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def bit_value(text: str) -> bytes:
    digits = text[2:-1] if text[1] == "'" else text[2:]
    return int(digits or "0", 2).to_bytes((len(digits) + 7) // 8, "big")


def tokenize(sql: str, modes: LexerModes = DEFAULT_MODES) -> list[Token]:
    """All tokens, an END token last. 1064 on text that is no token."""
    tokens: list[Token] = []
    add = tokens.append
    literals = 0
    position = 0
    pattern = _TOKEN if modes.backslash_escapes else _TOKEN_NO_ESCAPES
    for match in pattern.finditer(sql):
        start, end = match.span()
        if start != position:
            break
        position = end
        group = match.lastgroup
        text = match[0]
        if group == "skip":
            continue
        if group == "word":
            if text.isdecimal() and text.isascii():
                add(Token(INTEGER, text, "", start, end, literals))
                literals += 1
            else:
                add(Token(WORD, text, text.upper(), start, end, -1))
        elif group == "op":
            add(Token(OPERATOR, text, text, start, end, -1))
        elif group == "str":
            if text[0] == '"' and modes.ansi_quotes:
                add(Token(QUOTED, text[1:-1].replace('""', '"'), "", start, end, -1))
                continue
            value = unquote(text, modes.backslash_escapes)
            add(Token(STRING, value, "", start, end, literals))
            literals += 1
        elif group == "qid":
            add(Token(QUOTED, text[1:-1].replace("``", "`"), "", start, end, -1))
        elif group == "par":
            add(Token(PARAM, text, text, start, end, -1))
        elif group == "dec":
            add(Token(DECIMAL, text, "", start, end, literals))
            literals += 1
        elif group == "flt":
            add(Token(FLOAT, text, "", start, end, literals))
            literals += 1
        else:
            add(Token(BYTES, text, "", start, end, -1))
    if position != len(sql):
        raise syntax_error(sql[position:], sql.count("\n", 0, position) + 1)
    add(Token(END, "", "", len(sql), len(sql), -1))
    return tokens
