"""Syntax trees -> SQLite SQL with MySQL's meaning (pure).

Every expression is compiled to a `Code`: SQL text plus its MySQL type; conversions between types
are written into the SQL where MySQL would make them. What has no rule is refused with 1235.
"""
