"""Loads every chapter, which registers its functions."""

from engine.sql.functions import (
    aggregates,
    control,
    datemath,
    dates,
    datetexts,
    datezones,
    forms,
    information,
    json,
    numbers,
    strings,
)

__all__ = [
    "aggregates", "control", "datemath", "dates", "datetexts", "datezones", "forms", "information",
    "json", "numbers", "strings",
]  # fmt: skip
