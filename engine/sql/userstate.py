"""Types of user variables (pure)."""

from __future__ import annotations

from typing import Any

from engine.sql import types
from engine.sql.types import SqlType


def variable_type(value: Any, family: str) -> SqlType:
    if value is None:
        return types.TEXT
    if family == "integer":
        return types.BIGINT if not isinstance(value, str) else types.UNSIGNED_BIGINT
    if family == "decimal":
        text = str(value)
        return types.decimal(65, len(text.partition(".")[2]))
    if family == "double":
        return types.DOUBLE
    if family == "binary":
        return SqlType("longblob")
    return types.TEXT
