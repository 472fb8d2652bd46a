"""CHARACTER SET and COLLATE clauses, resolved with MySQL's checks.

Text is stored as UTF-8 whatever a column declares, and compared either case-insensitively (ASCII
letters, SQLite's NOCASE) or by bytes.
"""

from __future__ import annotations

from engine.errors import error
from engine.sql import collations
from engine.sql.collations import CharacterSet, Collation


def find_charset(name: str) -> CharacterSet:
    found = collations.find_charset(name)
    if found is None:
        raise error(1115, name)
    return found


def find_collation(name: str) -> Collation:
    found = collations.find_collation(name)
    if found is None:
        raise error(1273, name)
    return found


def resolve(charset: str | None, collation: str | None, default: str) -> Collation:
    """The collation of a schema, table or column; `default` is the enclosing one's."""
    if collation is not None:
        found = find_collation(collation)
        if charset is not None and find_charset(charset).name != found.charset:
            raise error(1253, collation, charset)
        return found
    if charset is not None:
        return find_collation(find_charset(charset).default_collation)
    return find_collation(default)
