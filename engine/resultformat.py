"""Pure: how the rows of one tuple of columns are sent: definitions and compiled row encoders.

Plans keep their columns, so the same tuple comes back with every execution and everything that
depends on it alone is made once per instance.
"""

from __future__ import annotations

from engine.protocol import charsets
from engine.protocol.columns import Metadata
from engine.protocol.rows import RowEncoder, binary_encoder, text_encoder
from engine.results import Column


class ResultFormat:
    """Definitions and encoders for one tuple of columns in one results character set."""

    __slots__ = ("binary", "charset", "columns", "metadata", "text")

    def __init__(self, columns: tuple[Column, ...], results_charset: int | None) -> None:
        codec = (
            "utf-8" if results_charset is None else charsets.by_id(results_charset).results_codec
        )
        self.columns = columns
        self.charset = results_charset
        self.metadata = Metadata(columns, results_charset)
        self.text: RowEncoder = text_encoder(columns, codec)
        self.binary: RowEncoder = binary_encoder(columns, codec)


class FormatCache:
    """Formats by identity of their columns."""

    __slots__ = ("_entries", "_most")

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._entries: dict[tuple[int, int | None], ResultFormat] = {}

    def get(self, columns: tuple[Column, ...], results_charset: int | None) -> ResultFormat:
        key = (id(columns), results_charset)
        found = self._entries.get(key)
        # An entry holds its tuple, so the id cannot belong to another one while it is here.
        if found is not None:
            return found
        if len(self._entries) >= self._most:
            self._entries.clear()
        found = self._entries[key] = ResultFormat(columns, results_charset)
        return found
