"""String functions (manual, "String Functions and Operators")."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from functools import lru_cache
from typing import Any, AnyStr

from engine.errors import error
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.comparisons import boolean, string_collation
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, call_code, define, joined, like_first
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast

MAX_RESULT = 64 << 20  # max_allowed_packet: longer results are NULL


# concatenation


@builder("CONCAT")
def _concat(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 1, None)
    kind = joined(codes)
    if kind.family == "binary":
        return call_code(cx, "m_concat_bytes", "r", [forms.to_bytes(cx, c) for c in codes], kind)
    parts = " || ".join(forms.to_text(cx, code).sql for code in codes)
    return Code(kind, any(code.nullable for code in codes), sql=f"({parts})")


python_function("m_concat_bytes", lambda *parts: b"".join(parts))


def _concat_ws(separator: str | None, *parts: str | None) -> str | None:
    if separator is None:
        return None
    return separator.join(part for part in parts if part is not None)


define("CONCAT_WS", "tt", joined, _concat_ws, variadic=True, skip_null=False, nullable=True)


# parts of strings


def _left(text: AnyStr, count: int) -> AnyStr:
    return text[: max(count, 0)]


def _right(text: AnyStr, count: int) -> AnyStr:
    return text[-count:] if count > 0 else text[:0]


def _substring(text: AnyStr, start: int, length: int | None = None) -> AnyStr:
    size = len(text)
    begin = start - 1 if start > 0 else size + start
    if start == 0 or begin < 0 or (length is not None and length <= 0):
        return text[:0]
    return text[begin:] if length is None else text[begin : begin + length]


def _substring_index(text: str, delimiter: str, count: int) -> str:
    if not delimiter or count == 0:
        return ""
    parts = text.split(delimiter)
    chosen = parts[:count] if count > 0 else parts[count:]
    return delimiter.join(chosen)


def _pad(text: str, length: int, fill: str, *, left: bool) -> str | None:
    if length < 0 or length > MAX_RESULT:
        return None
    missing = length - len(text)
    if missing <= 0:
        return text[:length]
    if not fill:
        return ""
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return padding + text if left else text + padding


def _lpad(text: str, length: int, fill: str = " ") -> str | None:
    return _pad(text, length, fill, left=True)


def _rpad(text: str, length: int, fill: str = " ") -> str | None:
    return _pad(text, length, fill, left=False)


def _insert(text: str, position: int, length: int, new: str) -> str:
    if not 1 <= position <= len(text):
        return text
    if length < 0 or position - 1 + length > len(text):
        return text[: position - 1] + new
    return text[: position - 1] + new + text[position - 1 + length :]


def _repeat(text: str, count: int) -> str | None:
    if count <= 0:
        return ""
    return None if len(text) * count > MAX_RESULT else text * count


def _trim(text: AnyStr, removed: AnyStr, *, left: bool, right: bool) -> AnyStr:
    if not removed:
        return text
    while left and text.startswith(removed):
        text = text[len(removed) :]
    while right and text.endswith(removed):
        text = text[: -len(removed)]
    return text


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


define("LEFT", "bi", like_first, _left)
define("RIGHT", "bi", like_first, _right)
define("SUBSTRING", "bii", like_first, _substring, optional=1)
define("SUBSTRING_INDEX", "tti", like_first, _substring_index)
define("LPAD", "tit", types.varchar(255), _lpad, optional=1, nullable=True)
define("RPAD", "tit", types.varchar(255), _rpad, optional=1, nullable=True)
define("INSERT", "tiit", joined, _insert)
define("REPEAT", "ti", types.TEXT, _repeat, nullable=True)
define("SPACE", "i", types.TEXT, lambda count: " " * max(count, 0))
define("REPLACE", "ttt", types.TEXT, _replace)
define("REVERSE", "b", like_first, lambda text: text[::-1])
define("LTRIM", "t", like_first, lambda text: text.lstrip(" "))
define("RTRIM", "t", like_first, lambda text: text.rstrip(" "))
define("TRIM_BOTH", "tt", like_first, lambda t, r: _trim(t, r, left=True, right=True))
define("TRIM_LEADING", "tt", like_first, lambda t, r: _trim(t, r, left=True, right=False))
define("TRIM_TRAILING", "tt", like_first, lambda t, r: _trim(t, r, left=False, right=True))
define("UPPER UCASE", "t", like_first, str.upper)
define("LOWER LCASE", "t", like_first, str.lower)


# lengths, positions, codes


@builder("CHAR_LENGTH", "CHARACTER_LENGTH")
def _char_length(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    if code.type.family != "binary":
        code = forms.to_text(cx, code)
    return Code(types.BIGINT, code.nullable, sql=f"length({code.sql})")


@builder("LENGTH", "OCTET_LENGTH")
def _length(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    if code.type.family != "binary":
        code = forms.to_text(cx, code)
    return Code(types.BIGINT, code.nullable, sql=f"octet_length({code.sql})")


define("BIT_LENGTH", "t", types.BIGINT, lambda text: 8 * len(values.as_bytes(text)))


def _locate(needle: str, text: str, start: int = 1) -> int:
    if start < 1:
        return 0
    return text.lower().find(needle.lower(), start - 1) + 1


define("LOCATE", "tti", types.BIGINT, _locate, optional=1)
define("INSTR", "tt", types.BIGINT, lambda text, needle: _locate(needle, text))
define("ASCII", "t", types.INT, lambda text: values.as_bytes(text)[0] if text else 0)


def _ord(text: str) -> int:
    return int.from_bytes(values.as_bytes(text[0]), "big") if text else 0


define("ORD", "t", types.BIGINT, _ord)


def _char(*codes: int | None) -> bytes:
    parts = []
    for code in codes:
        if code is not None:
            number = int(code) % (1 << 32)
            parts.append(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))
    return b"".join(parts)


define("CHAR", "i", lambda codes: types.varbinary(4 * len(codes)), _char, variadic=True,
       skip_null=False, nullable=True)  # fmt: skip


def _field(value: Any, *others: Any) -> int:
    if value is None:
        return 0
    for at, other in enumerate(others, 1):
        if other is not None and _same(value, other):
            return at
    return 0


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    return bool(values.as_double(a) == values.as_double(b))


define("FIELD", "rr", types.BIGINT, _field, variadic=True, skip_null=False, nullable=False)


def _elt(index: int | None, *parts: str | None) -> str | None:
    if index is None or not 1 <= index <= len(parts):
        return None
    return parts[index - 1]


define("ELT", "it", joined, _elt, variadic=True, skip_null=False, nullable=True)


def _find_in_set(needle: str, members: str) -> int:
    lowered = members.lower().split(",") if members else []
    return lowered.index(needle.lower()) + 1 if needle.lower() in lowered else 0


define("FIND_IN_SET", "tt", types.BIGINT, _find_in_set)


def _make_set(bits: int | None, *parts: str | None) -> str | None:
    if bits is None:
        return None
    return ",".join(p for at, p in enumerate(parts) if p is not None and int(bits) >> at & 1)


define("MAKE_SET", "it", joined, _make_set, variadic=True, skip_null=False, nullable=True)


@builder("STRCMP")
def _strcmp(cx: Context, scope: Scope, node: ast.Func) -> Code:
    left, right = (forms.to_text(cx, code) for code in arguments(cx, scope, node, 2, 2))
    collate = f"COLLATE {string_collation([left, right])}"
    sql = f"(({left.sql} {collate} > {right.sql}) - ({left.sql} {collate} < {right.sql}))"
    return Code(types.INT, left.nullable or right.nullable, sql=sql)


# encodings


@builder("HEX")
def _hex(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    kind = types.varchar(2 * types.text_length(code.type) * 4)
    if code.type.is_numeric:
        return call_code(cx, "m_hex_number", "i", [code], kind)
    return call_code(cx, "m_hex_bytes", "b", [code], kind)  # SQLite's hex(NULL) is ''


def _unhex(text: str) -> bytes | None:
    digits = values.as_text(text)
    try:
        return binascii.unhexlify(digits if len(digits) % 2 == 0 else "0" + digits)
    except (binascii.Error, ValueError):
        return None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return None


def _to_base64(value: values.Scalar) -> str:
    encoded = base64.b64encode(values.as_bytes(value)).decode()
    return "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))


python_function("m_hex_number", lambda number: f"{int(number) % values.U64:X}")
python_function("m_hex_bytes", lambda value: values.as_bytes(value).hex().upper())
define("UNHEX", "t", types.VARBINARY, _unhex, nullable=True)
define("TO_BASE64", "b", types.TEXT, _to_base64)
define("FROM_BASE64", "t", types.VARBINARY, _from_base64, nullable=True)
define("QUOTE", "t", types.TEXT, lambda text: _quoted(text), skip_null=False, nullable=False)
define("COMPRESS", "b", types.SqlType("longblob"), lambda v: _compress(values.as_bytes(v)))
define("UNCOMPRESS", "b", types.SqlType("longblob"), lambda v: _uncompress(values.as_bytes(v)),
       nullable=True)  # fmt: skip
define("SOUNDEX", "t", types.varchar(64), lambda text: _soundex(text))


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\0", "\\0").replace("\x1a", "\\Z") + "'"


def _compress(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + zlib.compress(data) if data else b""


def _uncompress(data: bytes) -> bytes | None:
    try:
        return zlib.decompress(data[4:]) if data else b""
    except zlib.error:
        return None


_SOUND = {
    **dict.fromkeys("BFPV", "1"), **dict.fromkeys("CGJKQSXZ", "2"), **dict.fromkeys("DT", "3"),
    "L": "4", **dict.fromkeys("MN", "5"), "R": "6",
}  # fmt: skip


def _soundex(text: str) -> str:
    letters = [char for char in text.upper() if char.isalpha()]
    if not letters:
        return ""
    code, last = letters[0], _SOUND.get(letters[0], "")
    for char in letters[1:]:
        digit = _SOUND.get(char, "")
        if digit and digit != last:
            code += digit
        if char not in "HW":
            last = digit
    return code.ljust(4, "0")


def _format(number: values.Scalar, digits: int, locale: str | None = None) -> str:
    places = max(0, min(digits, 30))
    return f"{values.rescale(values.as_decimal(number), places):,f}"


define("FORMAT", "nit", types.varchar(64), _format, optional=1)
define("CONV", "tii", types.varchar(64), lambda t, a, b: _conv(t, a, b), nullable=True)
define("BIN", "i", types.varchar(64), lambda number: f"{int(number) % values.U64:b}")
define("OCT", "i", types.varchar(64), lambda number: f"{int(number) % values.U64:o}")


def _conv(text: str, source: int, target: int) -> str | None:
    if not (2 <= abs(source) <= 36 and 2 <= abs(target) <= 36):
        return None
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: abs(source)]
    match = re.match(rf"\s*(-?)([{digits}]*)", text.upper())
    number = int(match[2], abs(source)) if match is not None and match[2] else 0
    if match is not None and match[1]:
        number = -number
    if target > 0:
        number %= values.U64
    sign, number = ("-", -number) if number < 0 else ("", number)
    out = ""
    while number:
        number, digit = divmod(number, abs(target))
        out = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + out
    return sign + (out or "0")


# patterns


@lru_cache(maxsize=256)
def _like_pattern(pattern: str, escape: str) -> re.Pattern[str]:
    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        if escape and char == escape and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        else:
            out.append({"%": ".*", "_": "."}.get(char) or re.escape(char))
        at += 1
    return re.compile("".join(out), re.S)


def _like(text: str, pattern: str, escape: str) -> int:
    return int(_like_pattern(pattern, escape).fullmatch(text) is not None)


def like_matches(text: str, pattern: str) -> bool:
    """LIKE with the default escape, case-sensitively."""
    return _like(text, pattern, "\\") == 1


python_function("m_like", _like)


@lru_cache(maxsize=256)
def _regex(pattern: str, flags: str) -> re.Pattern[str]:
    options = 0
    for flag in flags:
        if flag == "i":
            options |= re.I
        elif flag == "c":
            options &= ~re.I
        elif flag == "m":
            options |= re.M
        elif flag == "n":
            options |= re.S
        elif flag != "u":
            raise error(1210, "regexp_like")
    translated = re.sub(r"\[\[:(\w+):\]\]", _posix_class, pattern)
    translated = re.sub(r"\[:(\w+):\]", lambda m: _POSIX.get(m[1], m[0]), translated)
    try:
        return re.compile(translated, options)
    except re.error as problem:
        raise error(1139, str(problem)) from None


_POSIX = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "space": r"\s", "upper": "A-Z",
    "lower": "a-z", "xdigit": "0-9A-Fa-f", "punct": r"!-/:-@\[-`{-~", "blank": r" \t",
}  # fmt: skip


def _posix_class(match: re.Match[str]) -> str:
    if match[1] in ("<", ">"):
        return r"\b"
    return f"[{_POSIX.get(match[1], '')}]"


@builder("REGEXP_LIKE")
def _regexp_like(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, 3)
    sensitive = codes[0].type.family == "binary" or codes[1].type.family == "binary"
    default = "" if sensitive or string_collation(codes[:2]) == "BINARY" else "i"
    args = ", ".join(forms.to_text(cx, code).sql for code in codes)
    return boolean(f"{cx.use('m_regexp_like')}('{default}', {args})",
                   nullable=any(code.nullable for code in codes))  # fmt: skip


def _regexp_match(default: str, text: str, pattern: str, flags: str = "") -> int:
    return int(_regex(pattern, default + flags).search(text) is not None)


python_function("m_regexp_like", _regexp_match)


def _regexp_instr(text: str, pattern: str, start: int = 1, nth: int = 1, after: int = 0) -> int:
    for at, match in enumerate(_regex(pattern, "i").finditer(text, start - 1), 1):
        if at == nth:
            return (match.end() if after else match.start()) + 1
    return 0


def _regexp_substr(text: str, pattern: str, start: int = 1, nth: int = 1) -> str | None:
    for at, match in enumerate(_regex(pattern, "i").finditer(text, start - 1), 1):
        if at == nth:
            return match[0]
    return None


def _regexp_replace(text: str, pattern: str, new: str, start: int = 1, nth: int = 0) -> str:
    template = re.sub(r"\$(\d)", r"\\\1", new)
    compiled = _regex(pattern, "i")
    head, tail = text[: start - 1], text[start - 1 :]
    if nth == 0:
        return head + compiled.sub(template, tail)
    for at, match in enumerate(compiled.finditer(tail), 1):
        if at == nth:
            return head + tail[: match.start()] + match.expand(template) + tail[match.end() :]
    return text


define("REGEXP_INSTR", "ttiii", types.BIGINT, _regexp_instr, optional=3)
define("REGEXP_SUBSTR", "ttii", types.TEXT, _regexp_substr, optional=2, nullable=True)
define("REGEXP_REPLACE", "tttii", types.TEXT, _regexp_replace, optional=2)


# character sets


@builder("CHARSET", "COLLATION", "COERCIBILITY")
def _charset(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    binary = not code.type.is_text
    if node.name == "COERCIBILITY":
        return Code(types.INT, False, sql="4" if code.is_constant else "2")
    name = code.type.charset if node.name == "CHARSET" else code.type.collation
    text = "binary" if binary else name
    return Code(types.varchar(64), False, sql=f"'{text}'")


@builder("WEIGHT_STRING")
def _weight_string(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    kind = types.varbinary(types.text_length(code.type) * 4)
    return Code(kind, code.nullable, sql=f"CAST(upper({forms.to_text(cx, code).sql}) AS BLOB)")
