"""Pure: MySQL 8.0's character sets and collations: names, ids, defaults.

Source: MySQL 8.0 Reference Manual, 10.10 "Supported Character Sets and Collations". The Unicode
sets share one row of languages at consecutive ids, so they are written as a first id only.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class CharacterSet:
    name: str
    description: str
    default_collation: str
    longest: int  # bytes of one character


@frozen
class Collation:
    name: str
    charset: str
    id: int
    is_default: bool

    @property
    def no_pad(self) -> bool:
        return "_0900_" in self.name or self.name == "binary"


# name: longest, description, id:suffix ... with the default collation first
_PLAIN: Final = """
armscii8 1 ARMSCII-8 Armenian | 32:general_ci 64:bin
ascii 1 US ASCII | 11:general_ci 65:bin
big5 2 Big5 Traditional Chinese | 1:chinese_ci 84:bin
cp1250 1 Windows Central European | 26:general_ci 34:czech_cs 44:croatian_ci 66:bin 99:polish_ci
cp1251 1 Windows Cyrillic | 51:general_ci 14:bulgarian_ci 23:ukrainian_ci 50:bin 52:general_cs
cp1256 1 Windows Arabic | 57:general_ci 67:bin
cp1257 1 Windows Baltic | 59:general_ci 29:lithuanian_ci 58:bin
cp850 1 DOS West European | 4:general_ci 80:bin
cp852 1 DOS Central European | 40:general_ci 81:bin
cp866 1 DOS Russian | 36:general_ci 68:bin
cp932 2 SJIS for Windows Japanese | 95:japanese_ci 96:bin
dec8 1 DEC West European | 3:swedish_ci 69:bin
eucjpms 3 UJIS for Windows Japanese | 97:japanese_ci 98:bin
euckr 2 EUC-KR Korean | 19:korean_ci 85:bin
gb18030 4 China National Standard GB18030 | 248:chinese_ci 249:bin 250:unicode_520_ci
gb2312 2 GB2312 Simplified Chinese | 24:chinese_ci 86:bin
gbk 2 GBK Simplified Chinese | 28:chinese_ci 87:bin
geostd8 1 GEOSTD8 Georgian | 92:general_ci 93:bin
greek 1 ISO 8859-7 Greek | 25:general_ci 70:bin
hebrew 1 ISO 8859-8 Hebrew | 16:general_ci 71:bin
hp8 1 HP West European | 6:english_ci 72:bin
keybcs2 1 DOS Kamenicky Czech-Slovak | 37:general_ci 73:bin
koi8r 1 KOI8-R Relcom Russian | 7:general_ci 74:bin
koi8u 1 KOI8-U Ukrainian | 22:general_ci 75:bin
latin1 1 cp1252 West European | 8:swedish_ci 5:german1_ci 15:danish_ci 31:german2_ci 47:bin \
48:general_ci 49:general_cs 94:spanish_ci
latin2 1 ISO 8859-2 Central European | 9:general_ci 2:czech_cs 21:hungarian_ci 27:croatian_ci 77:bin
latin5 1 ISO 8859-9 Turkish | 30:turkish_ci 78:bin
latin7 1 ISO 8859-13 Baltic | 41:general_ci 20:estonian_cs 42:general_cs 79:bin
macce 1 Mac Central European | 38:general_ci 43:bin
macroman 1 Mac West European | 39:general_ci 53:bin
sjis 2 Shift-JIS Japanese | 13:japanese_ci 88:bin
swe7 1 7bit Swedish | 10:swedish_ci 82:bin
tis620 1 TIS620 Thai | 18:thai_ci 89:bin
ucs2 2 UCS-2 Unicode | 35:general_ci 90:bin 159:general_mysql500_ci
ujis 3 EUC-JP Japanese | 12:japanese_ci 91:bin
utf16 4 UTF-16 Unicode | 54:general_ci 55:bin
utf16le 4 UTF-16LE Unicode | 56:general_ci 62:bin
utf32 4 UTF-32 Unicode | 60:general_ci 61:bin
utf8mb3 3 UTF-8 Unicode | 33:general_ci 76:tolower_ci 83:bin 223:general_mysql500_ci
utf8mb4 4 UTF-8 Unicode | 255:0900_ai_ci 45:general_ci 46:bin 278:0900_as_cs 305:0900_as_ci \
309:0900_bin 303:ja_0900_as_cs 304:ja_0900_as_cs_ks 308:zh_0900_as_cs
""".replace("\\\n", "")

_LANGUAGES: Final = (
    "unicode", "icelandic", "latvian", "romanian", "slovenian", "polish", "estonian", "spanish",
    "swedish", "turkish", "czech", "danish", "lithuanian", "slovak", "spanish2", "roman", "persian",
    "esperanto", "hungarian", "sinhala", "german2", "croatian", "unicode_520", "vietnamese",
)  # fmt: skip
_FIRST_LANGUAGE: Final = {"ucs2": 128, "utf16": 101, "utf32": 160, "utf8mb3": 192, "utf8mb4": 224}

# The 0900 collations of utf8mb4: "-" is an id nobody has.
_0900_OLDER: Final = "de_pb is lv ro sl pl et es sv tr cs da lt sk es_trad la - eo hu hr - vi"
_0900_NEWER: Final = "ru - nb nn sr_latn bs bg gl mn_cyrl"


def _read() -> tuple[dict[str, CharacterSet], dict[str, Collation]]:
    charsets = {"binary": CharacterSet("binary", "Binary pseudo charset", "binary", 1)}
    collations = {"binary": Collation("binary", "binary", 63, True)}
    for line in _PLAIN.strip().splitlines():
        head, _, suffixes = line.partition(" | ")
        name, longest, description = head.split(" ", 2)
        for at, item in enumerate(suffixes.split()):
            number, _, suffix = item.partition(":")
            full = f"{name}_{suffix}"
            collations[full] = Collation(full, name, int(number), at == 0)
            if at == 0:
                charsets[name] = CharacterSet(name, description, full, int(longest))
    for name, first in _FIRST_LANGUAGE.items():
        for at, language in enumerate(_LANGUAGES):
            full = f"{name}_{language}_ci"
            collations[full] = Collation(full, name, first + at, False)
    for identity, full in _modern():
        collations[full] = Collation(full, "utf8mb4", identity, False)
    return dict(sorted(charsets.items())), dict(sorted(collations.items()))


def _modern() -> list[tuple[int, str]]:
    found = []
    for at, language in enumerate(_0900_OLDER.split()):
        if language != "-":
            found.append((256 + at, f"utf8mb4_{language}_0900_ai_ci"))
            found.append((279 + at, f"utf8mb4_{language}_0900_as_cs"))
    for at, language in enumerate(_0900_NEWER.split()):
        if language != "-":
            found.append((306 + 2 * at, f"utf8mb4_{language}_0900_ai_ci"))
            found.append((307 + 2 * at, f"utf8mb4_{language}_0900_as_cs"))
    return found


_ALL: Final = _read()
CHARACTER_SETS: Final = _ALL[0]
COLLATIONS: Final = _ALL[1]
_BY_ID: Final = {collation.id: collation for collation in COLLATIONS.values()}


def find_charset(name: str) -> CharacterSet | None:
    """By name in any letter case; utf8 is what MySQL 8.0 calls utf8mb3."""
    lowered = name.lower()
    return CHARACTER_SETS.get("utf8mb3" if lowered == "utf8" else lowered)


def find_collation(name: str) -> Collation | None:
    lowered = name.lower()
    if lowered.startswith("utf8_"):
        lowered = f"utf8mb3_{lowered[5:]}"
    return COLLATIONS.get(lowered)


def by_id(number: int) -> Collation | None:
    return _BY_ID.get(number)
