"""Pure: result sets of statements that are no queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from engine.results import CHARSET_BINARY, Column, ResultSet
from engine.sql.types import BIGINT, UNSIGNED_BIGINT, SqlType, varchar

Shape: TypeAlias = Sequence[tuple[str, SqlType]]

UTF8MB4: Final = 255  # id of the collation utf8mb4_0900_ai_ci
TEXT: Final = varchar(1024)
SHORT: Final = varchar(64)
NUMBER: Final = BIGINT
COUNT: Final = UNSIGNED_BIGINT


def column(name: str, kind: SqlType) -> Column:
    charset = UTF8MB4 if kind.is_text else CHARSET_BINARY
    return Column(
        name, "", "", "", "", kind.wire_type(), charset, kind.wire_length(), kind.wire_flags(),
        31 if kind.is_text else 0,
    )  # fmt: skip


def result(shape: Shape, rows: Iterable[tuple[Any, ...]]) -> ResultSet:
    return ResultSet(tuple(column(name, kind) for name, kind in shape), list(rows))


def texts(*names: str) -> Shape:
    return [(name, TEXT) for name in names]
