"""Pure: character sets by the id that the handshake and column definitions carry.

An id names a collation; what the protocol needs of it is the character set. Ids nobody knows
mean the server's default, as in MySQL. Source: MySQL 8.0, information_schema.COLLATIONS.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Charset:
    """A MySQL character set and the Python codec of its bytes."""

    name: str
    codec: str
    default_collation: int
    longest: int  # bytes of one character

    @property
    def results_codec(self) -> str:
        """For rows: `binary` asks for the bytes as they are stored, which is UTF-8."""
        return "utf-8" if self.name == "binary" else self.codec


UTF8MB4: Final = Charset("utf8mb4", "utf-8", 255, 4)
BINARY: Final = Charset("binary", "latin-1", 63, 1)

_CHARSETS: Final[tuple[tuple[Charset, tuple[range, ...]], ...]] = (
    (Charset("big5", "big5", 1, 2), (range(1, 2), range(84, 85))),
    (
        Charset("latin2", "iso8859-2", 9, 1),
        (range(9, 10), range(2, 3), range(21, 22), range(27, 28), range(77, 78)),
    ),
    (Charset("cp850", "cp850", 4, 1), (range(4, 5), range(80, 81))),
    (Charset("koi8r", "koi8-r", 7, 1), (range(7, 8), range(74, 75))),
    (
        Charset("latin1", "cp1252", 8, 1),
        (range(8, 9), range(5, 6), range(15, 16), range(31, 32), range(47, 50), range(94, 95)),
    ),
    (Charset("ascii", "ascii", 11, 1), (range(11, 12), range(65, 66))),
    (Charset("ujis", "euc_jp", 12, 3), (range(12, 13), range(91, 92))),
    (Charset("sjis", "shift_jis", 13, 2), (range(13, 14), range(88, 89))),
    (Charset("hebrew", "iso8859-8", 16, 1), (range(16, 17), range(71, 72))),
    (Charset("tis620", "tis-620", 18, 1), (range(18, 19), range(89, 90))),
    (Charset("euckr", "euc_kr", 19, 2), (range(19, 20), range(85, 86))),
    (Charset("koi8u", "koi8-u", 22, 1), (range(22, 23), range(75, 76))),
    (Charset("gb2312", "gb2312", 24, 2), (range(24, 25), range(86, 87))),
    (Charset("greek", "iso8859-7", 25, 1), (range(25, 26), range(70, 71))),
    (
        Charset("cp1250", "cp1250", 26, 1),
        (range(26, 27), range(34, 35), range(44, 45), range(66, 67), range(99, 100)),
    ),
    (Charset("gbk", "gbk", 28, 2), (range(28, 29), range(87, 88))),
    (Charset("latin5", "iso8859-9", 30, 1), (range(30, 31), range(78, 79))),
    (
        Charset("utf8mb3", "utf-8", 33, 3),
        (range(33, 34), range(76, 77), range(83, 84), range(192, 216), range(223, 224)),
    ),
    (Charset("cp866", "cp866", 36, 1), (range(36, 37), range(68, 69))),
    (Charset("macce", "mac-latin2", 38, 1), (range(38, 39), range(43, 44))),
    (Charset("macroman", "mac-roman", 39, 1), (range(39, 40), range(53, 54))),
    (Charset("cp852", "cp852", 40, 1), (range(40, 41), range(81, 82))),
    (Charset("latin7", "iso8859-13", 41, 1), (range(41, 43), range(20, 21), range(79, 80))),
    (UTF8MB4, (range(255, 256), range(45, 47), range(224, 248), range(256, 324))),
    (
        Charset("cp1251", "cp1251", 51, 1),
        (range(51, 53), range(14, 15), range(23, 24), range(50, 51)),
    ),
    (Charset("cp1256", "cp1256", 57, 1), (range(57, 58), range(67, 68))),
    (Charset("cp1257", "cp1257", 59, 1), (range(59, 60), range(29, 30), range(58, 59))),
    (BINARY, (range(63, 64),)),
    (Charset("cp932", "cp932", 95, 2), (range(95, 97),)),
    (Charset("eucjpms", "euc_jp", 97, 3), (range(97, 99),)),
    (Charset("gb18030", "gb18030", 248, 4), (range(248, 251),)),
)

_BY_ID: Final = {
    collation: charset for charset, ids in _CHARSETS for span in ids for collation in span
}
_BY_NAME: Final = {charset.name: charset for charset, _ in _CHARSETS} | {
    "utf8": next(charset for charset, _ in _CHARSETS if charset.name == "utf8mb3")
}


def by_id(collation: int) -> Charset:
    """The character set of a collation id; UTF-16, UTF-32 and UCS-2 cannot be a client's."""
    return _BY_ID.get(collation, UTF8MB4)


def by_name(name: str) -> Charset | None:
    return _BY_NAME.get(name.lower())


def decode(data: bytes, codec: str) -> str:
    """Text as a client sent it. Bytes that are none in its character set survive the way back
    through `encode`, because clients put raw binary into quoted literals."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data.decode(codec if codec == "utf-8" else "latin-1", "surrogateescape")


def encode(text: str, codec: str) -> bytes:
    """Text as a client reads it; a character its set lacks becomes a question mark."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        if codec == "utf-8":
            return text.encode(codec, "surrogateescape")
        return text.encode(codec, "replace")
