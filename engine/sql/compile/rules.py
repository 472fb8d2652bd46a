"""Loads every module that registers rules for expressions."""

from engine.sql.compile import arithmetic, calls, comparisons, literals, subqueries

__all__ = ["arithmetic", "calls", "comparisons", "literals", "subqueries"]
