"""JSON functions. Documents are kept as text the way MySQL prints them: keys ordered by length,
then by bytes; ", " and ": " as separators."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.errors import error
from engine.protocol.numbers import format_double
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments
from engine.sql.functions.jsonpath import find, parse_path, remove, store
from engine.sql.functions.registry import builder, python_aggregate, python_function
from engine.sql.parse import ast
from engine.sql.types import SqlType


def load(text: str, argument: int, function: str) -> Any:
    try:
        return json.loads(text, parse_float=_number)
    except ValueError as problem:
        position = getattr(problem, "pos", 0)
        raise error(3141, argument, function, "Invalid value.", position) from None


def _number(text: str) -> float:
    return float(text)


def dump(value: Any) -> str:
    """MySQL's text of a document."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        text = format_double(value)
        return text if "." in text or "e" in text or "n" in text else text + ".0"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(dump(item) for item in value) + "]"
    ordered = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
    return "{" + ", ".join(f"{dump(key)}: {dump(item)}" for key, item in ordered) + "}"


def normalize(text: str) -> str:
    """A document as a JSON column keeps it; ValueError if it is none."""
    return dump(json.loads(text))


def json_argument(cx: Context, code: Code) -> str:
    """SQL of a value inserted into a document: encoded as JSON text."""
    family = code.type.family
    if family == "json":
        return code.sql
    name = cx.use("m_to_json")
    if code.type.is_numeric:
        if code.type == types.BOOLEAN and code.fixed is not None:
            return "'true'" if code.fixed.value else "'false'"
        return f"{name}({code.sql}, 0)"
    return f"{name}({forms.to_text(cx, code).sql}, 1)"


def _to_json(value: Any, text: int) -> str:
    if value is None:
        return "null"
    if text:
        return dump(values.as_text(value))
    if isinstance(value, str):  # a decimal, or an unsigned integer
        return str(int(value)) if "." not in value else value
    return dump(value)


python_function("m_to_json", _to_json, skip_null=False)


def _cast_json(value: Any, text: int) -> str:
    if not text:
        return value if isinstance(value, str) else dump(value)
    try:
        return normalize(values.as_text(value))
    except ValueError as problem:
        raise error(3141, 1, "cast_as_json", "Invalid value.",
                    getattr(problem, "pos", 0)) from None  # fmt: skip


python_function("m_cast_json", _cast_json)


def _json_double(text: str) -> float:
    value = load(text, 1, "cast")
    if isinstance(value, bool | int | float):
        return float(value)
    return values.as_double(value) if isinstance(value, str) else 0.0


python_function("m_json_double", _json_double)

# Precedence of types in comparisons, lowest first (manual, "Comparison of JSON Values").
_RANK = {type(None): 1, int: 2, float: 2, str: 3, dict: 4, list: 5, bool: 6}


def _sort_key(value: Any, is_json: int) -> bytes:
    """Bytes that order JSON values as MySQL does; numbers by value, strings by bytes."""
    document = load(value, 1, "comparison") if is_json else value
    rank = bytes([_RANK.get(type(document), 7)])
    if isinstance(document, bool) or document is None:
        return rank + bytes([bool(document)])
    if isinstance(document, int | float):
        return rank + _number_key(float(document))
    if isinstance(document, str):
        return rank + document.encode("utf-8", "surrogateescape")
    return rank + dump(document).encode()


def _number_key(value: float) -> bytes:
    import struct

    bits: int = struct.unpack(">Q", struct.pack(">d", value + 0.0))[0]
    bits = bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63)
    return bits.to_bytes(8, "big")


python_function("m_json_sort_key", _sort_key)


# calls


def _documents(cx: Context, code: Code) -> str:
    """SQL of an argument that is a document: JSON, or text that must parse."""
    return code.sql if code.type.family == "json" else forms.to_text(cx, code).sql


def _json_call(
    name: str, least: int, most: int | None, kind: SqlType, call: Callable[..., Any], shape: str,
    *, skip_null: bool = True,
) -> None:  # fmt: skip
    """`shape`: d document, p path or other text, v value; the last two letters repeat as given."""
    sqlite = "m_" + name.lower()
    python_function(sqlite, call, skip_null=skip_null)

    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        codes = arguments(cx, scope, node, least, most)
        parts = []
        for at, code in enumerate(codes):
            letter = shape[at] if at < len(shape) else shape[1:][(at - 1) % len(shape[1:])]
            if letter == "d":
                parts.append(_documents(cx, code))
            elif letter == "v":
                parts.append(json_argument(cx, code))
            else:
                parts.append(forms.to_text(cx, code).sql)
        return Code(kind, True, sql=f"{cx.use(sqlite)}({', '.join(parts)})")

    builder(name)(build)


def _extract(document: str, *paths: str) -> str | None:
    value = load(document, 1, "json_extract")
    found: list[Any] = []
    several = len(paths) > 1
    for path in paths:
        steps = parse_path(path)
        found.extend(find(value, steps))
        several = several or any(step.many for step in steps)
    if not found:
        return None
    return dump(found if several else found[0])


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text


def _contains(target: str, candidate: str, path: str | None = None) -> int | None:
    value, wanted = load(target, 1, "json_contains"), load(candidate, 2, "json_contains")
    if path is not None:
        found = find(value, parse_path(path))
        if not found:
            return None
        value = found[0]
    return int(_includes(value, wanted))


def _includes(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        if isinstance(wanted, list):
            return all(_includes(value, item) for item in wanted)
        return any(_includes(item, wanted) for item in value)
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and _includes(value[key], item) for key, item in wanted.items())
    same_kind = isinstance(value, bool) == isinstance(wanted, bool)
    return bool(same_kind and value == wanted)


def _contains_path(document: str, mode: str, *paths: str) -> int:
    value = load(document, 1, "json_contains_path")
    results = [bool(find(value, parse_path(path))) for path in paths]
    if mode.lower() not in ("one", "all"):
        raise error(1210, "json_contains_path")
    return int(any(results) if mode.lower() == "one" else all(results))


def _keys(document: str, path: str = "$") -> str | None:
    found = find(load(document, 1, "json_keys"), parse_path(path))
    if not found or not isinstance(found[0], dict):
        return None
    keys = sorted(found[0], key=lambda key: (len(key.encode()), key.encode()))
    return dump(keys)


def _length(document: str, path: str = "$") -> int | None:
    found = find(load(document, 1, "json_length"), parse_path(path))
    if not found:
        return None
    return len(found[0]) if isinstance(found[0], list | dict) else 1


def _depth_of(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return 1 + max((_depth_of(item) for item in value), default=0)
    return 1


def _type_name(document: str) -> str:
    value = load(document, 1, "json_type")
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "INTEGER"
    names = {type(None): "NULL", float: "DOUBLE", str: "STRING", list: "ARRAY", dict: "OBJECT"}
    return names[type(value)]


def _valid(text: str) -> int:
    try:
        json.loads(text)
    except ValueError:
        return 0
    return 1


def _changed(name: str, *, create: bool, replace: bool) -> Callable[..., str]:
    def call(document: str, *pairs: str) -> str:
        value = load(document, 1, name)
        for path, new in zip(pairs[::2], pairs[1::2], strict=True):
            value = store(value, parse_path(path), load(new, 3, name), create, replace)
        return dump(value)

    return call


def _removed(document: str, *paths: str) -> str:
    value = load(document, 1, "json_remove")
    for path in paths:
        value = remove(value, parse_path(path))
    return dump(value)


def _merge_patch(*documents: str) -> str:
    values_ = [load(text, at, "json_merge_patch") for at, text in enumerate(documents, 1)]
    result = values_[0]
    for patch in values_[1:]:
        result = _patched(result, patch)
    return dump(result)


def _patched(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _patched(result.get(key), value)
    return result


def _merge_preserve(*documents: str) -> str:
    values_ = [load(text, at, "json_merge_preserve") for at, text in enumerate(documents, 1)]
    result = values_[0]
    for other in values_[1:]:
        result = _merged(result, other)
    return dump(result)


def _merged(a: Any, b: Any) -> Any:
    if isinstance(a, dict) and isinstance(b, dict):
        result = dict(a)
        for key, value in b.items():
            result[key] = _merged(result[key], value) if key in result else value
        return result
    first = a if isinstance(a, list) else [a]
    return [*first, *(b if isinstance(b, list) else [b])]


def _appended(document: str, *pairs: str) -> str:
    value = load(document, 1, "json_array_append")
    for path, new in zip(pairs[::2], pairs[1::2], strict=True):
        steps = parse_path(path)
        found = find(value, steps)
        if found:
            old = found[0] if isinstance(found[0], list) else [found[0]]
            addition = load(new, 3, "json_array_append")
            value = store(value, steps, [*old, addition], False, True)
    return dump(value)


def _search(document: str, mode: str, pattern: str) -> str | None:
    from engine.sql.functions.strings import like_matches

    found: list[str] = []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}.{key if key.isidentifier() else json.dumps(key)}")
        elif isinstance(value, list):
            for at, item in enumerate(value):
                walk(item, f"{path}[{at}]")
        elif isinstance(value, str) and like_matches(value, pattern):
            found.append(path)

    walk(load(document, 1, "json_search"), "$")
    if not found:
        return None
    return dump(found[0] if mode.lower() == "one" or len(found) == 1 else found)


def _array(*items: str) -> str:
    return "[" + ", ".join(items) + "]"


def _member_of(value: str, array: str) -> int:
    document = load(array, 2, "member of")
    items = document if isinstance(document, list) else [document]
    return int(any(_includes(item, json.loads(value)) for item in items))


_json_call("JSON_EXTRACT", 2, None, types.JSON, _extract, "dp")
_json_call("JSON_UNQUOTE", 1, 1, types.TEXT, _unquote, "d")
_json_call("JSON_QUOTE", 1, 1, types.TEXT, lambda text: dump(text), "p")
_json_call("JSON_CONTAINS", 2, 3, types.BOOLEAN, _contains, "ddp")
_json_call("JSON_CONTAINS_PATH", 3, None, types.BOOLEAN, _contains_path, "dp")
_json_call("JSON_KEYS", 1, 2, types.JSON, _keys, "dp")
_json_call("JSON_LENGTH", 1, 2, types.BIGINT, _length, "dp")
_json_call("JSON_DEPTH", 1, 1, types.BIGINT, lambda d: _depth_of(load(d, 1, "json_depth")), "d")
_json_call("JSON_TYPE", 1, 1, types.varchar(51), _type_name, "d")
_json_call("JSON_VALID", 1, 1, types.BOOLEAN, _valid, "d")
_json_call("JSON_SET", 3, None, types.JSON, _changed("json_set", create=True, replace=True), "dpv")
_json_call("JSON_INSERT", 3, None, types.JSON,
           _changed("json_insert", create=True, replace=False), "dpv")  # fmt: skip
_json_call("JSON_REPLACE", 3, None, types.JSON,
           _changed("json_replace", create=False, replace=True), "dpv")  # fmt: skip
_json_call("JSON_REMOVE", 2, None, types.JSON, _removed, "dp")
_json_call("JSON_MERGE_PATCH", 2, None, types.JSON, _merge_patch, "dd")
_json_call("JSON_MERGE_PRESERVE", 2, None, types.JSON, _merge_preserve, "dd")
_json_call("JSON_MERGE", 2, None, types.JSON, lambda *d: _merge_preserve(*d), "dd")
_json_call("JSON_ARRAY_APPEND", 3, None, types.JSON, _appended, "dpv")
_json_call("JSON_SEARCH", 3, 3, types.JSON, _search, "dpp")
_json_call("JSON_ARRAY", 0, None, types.JSON, _array, "vv", skip_null=False)
_json_call("JSON_MEMBER_OF", 2, 2, types.BOOLEAN, _member_of, "vd")
_json_call("JSON_PRETTY", 1, 1, types.TEXT,
           lambda d: json.dumps(json.loads(dump(load(d, 1, "json_pretty"))), indent=2,
                                ensure_ascii=False), "d")  # fmt: skip
_json_call("JSON_STORAGE_SIZE", 1, 1, types.BIGINT, lambda d: len(d.encode()), "d")


@builder("JSON_OBJECT")
def _object(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 0, None)
    if len(codes) % 2:
        raise error(1582, "JSON_OBJECT")
    parts = []
    for at, code in enumerate(codes):
        parts.append(json_argument(cx, code) if at % 2 else forms.to_text(cx, code).sql)
    return Code(types.JSON, False, sql=f"{cx.use('m_json_object')}({', '.join(parts)})")


def _make_object(*parts: str | None) -> str:
    result = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if key is None:
            raise error(3158)
        result[key] = json.loads(value or "null")
    return dump(result)


python_function("m_json_object", _make_object, skip_null=False)


class _ArrayAggregate:
    def __init__(self) -> None:
        self._items: list[str] = []

    def step(self, item: str | None) -> None:
        self._items.append("null" if item is None else item)

    def final(self) -> str | None:
        return _array(*self._items) if self._items else None


class _ObjectAggregate:
    def __init__(self) -> None:
        self._items: dict[str, Any] = {}

    def step(self, key: str | None, item: str | None) -> None:
        if key is None:
            raise error(3158)
        self._items[key] = json.loads(item or "null")

    def final(self) -> str | None:
        return dump(self._items) if self._items else None


python_aggregate("m_json_arrayagg", _ArrayAggregate)
python_aggregate("m_json_objectagg", _ObjectAggregate)
