"""Loads every chapter, which registers its functions."""

from engine.sql.functions import (
    aggregates,
    control,
    dates,
    forms,
    information,
    json,
    numbers,
    strings,
)

__all__ = ["aggregates", "control", "dates", "forms", "information", "json", "numbers", "strings"]
