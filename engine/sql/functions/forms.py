"""SQLite's names for the conversions of `values`."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from engine.sql import temporal, values
from engine.sql.functions.registry import python_function


@lru_cache(maxsize=512)
def _members(encoded: str) -> dict[str, int]:
    return {name.lower(): at for at, name in enumerate(json.loads(encoded), 1)}


def _enum_index(value: str, members: str) -> int:
    return _members(members).get(value.lower(), 0)


def _set_mask(value: str, members: str) -> int:
    positions = _members(members)
    names = value.lower().split(",") if value else []
    return sum(1 << (positions[name] - 1) for name in names if name in positions)


def _time_to_datetime(session: Any, micros: int) -> str | None:
    today: datetime = session.now()
    midnight = temporal.Moment(today.year, today.month, today.day)
    moved = temporal.add_span(midnight, temporal.Span(0, micros))
    return None if moved is None else temporal.datetime_text(moved)


def _datetime_with_digits(value: str, digits: int) -> str | None:
    moment = temporal.parse_moment(value)
    if moment is None:
        return None
    return temporal.datetime_text(temporal.round_moment(moment, digits))


python_function("m_text", values.as_text)
python_function("m_number_text", values.number_text)
python_function("m_float_text", values.float_text)
python_function("m_pad", temporal.pad_fraction)
python_function("m_time_text", temporal.time_text)
python_function("m_enum_index", _enum_index)
python_function("m_set_mask", _set_mask)
python_function("m_datetime_number", values.datetime_number)
python_function("m_time_number", values.time_as_number)
python_function("m_decimal", values.canonical_decimal)
python_function("m_to_scale", values.to_scale)
python_function("m_integer", values.as_integer)
python_function("m_double", values.as_double)
python_function("m_number", values.as_number)
python_function("m_datetime", values.as_datetime)
python_function("m_date", values.as_date)
python_function("m_time", values.as_time)
python_function("m_round_datetime", _datetime_with_digits)
python_function("m_round_time", temporal.round_time)
python_function("m_time_to_datetime", _time_to_datetime, takes_session=True, deterministic=False)
