"""Character sets and collations as SQL names them.

Only what the server can serve: text is stored as utf8mb4 whatever a column declares, and a
collation is either case-insensitive (ASCII letters, SQLite's NOCASE) or binary.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from engine.errors import error


@frozen
class CollationInfo:
    name: str
    charset: str
    id: int
    default: bool


@frozen
class CharsetInfo:
    name: str
    description: str
    default_collation: str
    max_length: int


CHARSETS: Final = {
    info.name: info
    for info in (
        CharsetInfo("ascii", "US ASCII", "ascii_general_ci", 1),
        CharsetInfo("binary", "Binary pseudo charset", "binary", 1),
        CharsetInfo("cp1251", "Windows Cyrillic", "cp1251_general_ci", 1),
        CharsetInfo("gbk", "GBK Simplified Chinese", "gbk_chinese_ci", 2),
        CharsetInfo("latin1", "cp1252 West European", "latin1_swedish_ci", 1),
        CharsetInfo("latin2", "ISO 8859-2 Central European", "latin2_general_ci", 1),
        CharsetInfo("sjis", "Shift-JIS Japanese", "sjis_japanese_ci", 2),
        CharsetInfo("utf8mb3", "UTF-8 Unicode", "utf8mb3_general_ci", 3),
        CharsetInfo("utf8mb4", "UTF-8 Unicode", "utf8mb4_0900_ai_ci", 4),
    )
}
_ALIASES: Final = {"utf8": "utf8mb3"}

_UTF8MB4: Final = (
    (45, "general_ci"), (46, "bin"), (224, "unicode_ci"), (246, "unicode_520_ci"),
    (255, "0900_ai_ci"), (278, "0900_as_cs"), (305, "0900_as_ci"), (309, "0900_bin"),
    (225, "icelandic_ci"), (230, "polish_ci"), (234, "czech_ci"), (235, "danish_ci"),
    (226, "latvian_ci"), (232, "swedish_ci"), (233, "turkish_ci"), (231, "spanish_ci"),
    (236, "lithuanian_ci"), (237, "slovak_ci"), (240, "persian_ci"), (242, "hungarian_ci"),
    (244, "german2_ci"), (245, "croatian_ci"), (247, "vietnamese_ci"),
)  # fmt: skip
_OTHERS: Final = (
    (8, "latin1_swedish_ci"), (47, "latin1_bin"), (48, "latin1_general_ci"),
    (5, "latin1_german1_ci"), (11, "ascii_general_ci"), (65, "ascii_bin"), (63, "binary"),
    (33, "utf8mb3_general_ci"), (83, "utf8mb3_bin"), (192, "utf8mb3_unicode_ci"),
    (51, "cp1251_general_ci"), (50, "cp1251_bin"), (28, "gbk_chinese_ci"), (87, "gbk_bin"),
    (9, "latin2_general_ci"), (77, "latin2_bin"), (13, "sjis_japanese_ci"), (88, "sjis_bin"),
)  # fmt: skip


def _all() -> dict[str, CollationInfo]:
    pairs = [(number, f"utf8mb4_{name}") for number, name in _UTF8MB4] + list(_OTHERS)
    found = {}
    for number, name in pairs:
        charset = name.partition("_")[0]
        default = CHARSETS[charset].default_collation == name
        found[name] = CollationInfo(name, charset, number, default)
    return found


COLLATIONS: Final = _all()
_BY_ID: Final = {info.id: info for info in COLLATIONS.values()}


def find_charset(name: str) -> CharsetInfo:
    info = CHARSETS.get(_ALIASES.get(name.lower(), name.lower()))
    if info is None:
        raise error(1115, name)
    return info


def find_collation(name: str) -> CollationInfo:
    lowered = name.lower()
    if lowered.startswith("utf8_"):
        lowered = "utf8mb3" + lowered[4:]
    info = COLLATIONS.get(lowered)
    if info is None:
        raise error(1273, name)
    return info


def collation_by_id(number: int) -> CollationInfo:
    """An id from a handshake; unknown ones mean the server's default."""
    return _BY_ID.get(number, COLLATIONS["utf8mb4_0900_ai_ci"])


def resolve(charset: str | None, collation: str | None, default: CollationInfo) -> CollationInfo:
    """CHARACTER SET and COLLATE clauses -> one collation, with MySQL's checks."""
    if collation is not None:
        info = find_collation(collation)
        if charset is not None and find_charset(charset).name != info.charset:
            raise error(1253, collation, charset)
        return info
    if charset is not None:
        return COLLATIONS[find_charset(charset).default_collation]
    return default
