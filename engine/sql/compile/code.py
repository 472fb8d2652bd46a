"""Compiled expressions and the values bound to their placeholders.

A constant is not rendered until its SQL is asked for: a comparison may first convert it to the
other side's type, which then happens once per execution in Python and not once per row in SQLite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from engine.results import Column
from engine.sql.types import SqlType

Converter: TypeAlias = Callable[[Any], Any]


@frozen
class Fixed:
    """A value known when the plan is made."""

    value: Any


@frozen
class FromParam:
    """A bound parameter (or a freed literal) by number."""

    index: int
    convert: Converter | None = None


@frozen
class FromSession:
    """A value the session supplies when the statement runs, as NOW() or @@sql_mode."""

    read: Callable[[Any], Any]
    convert: Converter | None = None


Source: TypeAlias = Fixed | FromParam | FromSession


@frozen
class Slots:
    """How the bindings of one SQLite statement are made from parameters and session."""

    sources: tuple[Source, ...]
    direct: bool  # exactly the parameters, in order and unconverted

    def bind(self, params: Any, session: Any) -> Any:
        if self.direct:
            return params
        values = []
        for source in self.sources:
            if type(source) is FromParam:
                value = params[source.index]
            elif type(source) is FromSession:
                value = source.read(session)
            else:
                values.append(source.value)  # type: ignore[union-attr]
                continue
            convert = source.convert
            values.append(value if convert is None or value is None else convert(value))
        return values


class Binder:
    """Hands out the ?N placeholders of one SQLite statement."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._sources: list[Source] = []

    def place(self, source: Source) -> str:
        key: Any = source
        if isinstance(source, Fixed):
            key = (type(source.value), source.value)
        number = self._numbers.get(key)
        if number is None:
            self._sources.append(source)
            number = self._numbers[key] = len(self._sources)
        return f"?{number}"

    def slots(self, param_count: int) -> Slots:
        sources = tuple(self._sources)
        direct = len(sources) == param_count and all(
            isinstance(source, FromParam) and source.index == at and source.convert is None
            for at, source in enumerate(sources)
        )
        return Slots(sources, direct)


@frozen
class Origin:
    """The table column a value comes from unchanged."""

    schema: str
    table: str  # alias
    org_table: str
    org_name: str
    flags: int


@define
class Code:
    """A compiled expression in the stored form of its type (see `types`)."""

    type: SqlType
    nullable: bool = True
    origin: Origin | None = None
    source: Source | None = None  # set for constants
    binder: Binder | None = None
    collation: str | None = None  # from an explicit COLLATE
    column_collation: bool = False  # SQLite applies the right collation by itself
    _sql: str | None = field(default=None, alias="sql")

    @property
    def sql(self) -> str:
        if self._sql is None:
            assert self.source is not None and self.binder is not None
            self._sql = render(self.source, self.binder)
        return self._sql

    @property
    def is_constant(self) -> bool:
        return self.source is not None

    @property
    def fixed(self) -> Fixed | None:
        return self.source if isinstance(self.source, Fixed) else None


def render(source: Source, binder: Binder) -> str:
    if not isinstance(source, Fixed):
        return binder.place(source)
    value = source.value
    if value is None:
        return "NULL"
    if type(value) is int and -(1 << 63) < value < 1 << 63:
        return str(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    if type(value) is str and len(value) < 200 and "\0" not in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return binder.place(source)


def convert_source(source: Source, convert: Converter) -> Source:
    """The same value after a conversion; None stays None."""
    if isinstance(source, Fixed):
        return Fixed(None if source.value is None else convert(source.value))
    before = source.convert
    both = convert if before is None else _chained(before, convert)
    if isinstance(source, FromParam):
        return FromParam(source.index, both)
    return FromSession(source.read, both)


_chains: Final[dict[tuple[Converter, Converter], Converter]] = {}


def _chained(first: Converter, second: Converter) -> Converter:
    def chained(value: Any) -> Any:
        middle = first(value)
        return None if middle is None else second(middle)

    # One object per pair, so that equal sources share a placeholder.
    return _chains.setdefault((first, second), chained)


@frozen
class OutputColumn:
    """One column of a query's result while it is being compiled."""

    name: str
    code: Code

    def metadata(self) -> Column:
        kind = self.code.type
        origin = self.code.origin
        flags = kind.wire_flags()
        if origin is not None:
            return Column(
                self.name, origin.org_name, origin.table, origin.org_table, origin.schema,
                kind.wire_type(), wire_charset(kind), kind.wire_length(), flags | origin.flags,
                kind.wire_decimals(),
            )  # fmt: skip
        if not self.code.nullable:
            flags |= 1
        if kind.is_numeric:
            flags |= 128  # MySQL marks computed numbers BINARY
        decimals = 31 if kind.is_text or kind.family == "binary" else kind.wire_decimals()
        return Column(
            self.name, "", "", "", "", kind.wire_type(), wire_charset(kind), kind.wire_length(),
            flags, decimals,
        )  # fmt: skip


_COLLATION_IDS: Final = {"utf8mb4_0900_ai_ci": 255, "utf8mb4_bin": 46, "utf8mb4_general_ci": 45}


def wire_charset(kind: SqlType) -> int:
    if kind.is_text:
        return _COLLATION_IDS.get(kind.collation, 255)
    return 63
