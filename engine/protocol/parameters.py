"""Pure: the parameters of a prepared statement: bound types, long data, values.

A client sends types with its first execution and may leave them out afterwards, so a statement
keeps its binding. A parameter sent ahead by COM_STMT_SEND_LONG_DATA has no value in the
execution and is used up by it. When all parameters are numbers and none is NULL, one struct
reads them all.
Source: MySQL internals, "COM_STMT_EXECUTE", "COM_STMT_SEND_LONG_DATA", "NULL-Bitmap".
"""

from __future__ import annotations

from typing import Any, Final

from engine.errors import SqlError, packet_too_large, wrong_arguments
from engine.protocol.bindings import Binding, as_string, bind
from engine.protocol.errors import malformed

# In COM_STMT_EXECUTE the NULL bitmap follows command, statement id, cursor flags and iterations.
_BITMAP_AT: Final = 10


class Parameters:
    """What one prepared statement knows of its parameters."""

    __slots__ = ("_binding", "_codec", "_deferred", "_flag_at", "_long_data", "_no_nulls", "count")

    def __init__(self, count: int, codec: str) -> None:
        self.count = count
        self._codec = codec
        bitmap = (count + 7) // 8
        self._flag_at = _BITMAP_AT + bitmap
        self._no_nulls = bytes(bitmap)
        self._binding: Binding | None = None
        self._long_data: dict[int, bytearray] = {}
        self._deferred: SqlError | None = None  # of long data, which is never answered itself

    def decode(self, packet: bytes) -> tuple[Any, ...]:
        """The values that a COM_STMT_EXECUTE packet binds."""
        if not self.count:
            return ()
        flag_at = self._flag_at
        if len(packet) <= flag_at:
            raise malformed("it ends before the parameters")
        at = flag_at + 1
        binding = self._binding
        if packet[flag_at]:
            types = packet[at : at + 2 * self.count]
            if binding is None or types != binding.types:
                binding = self._bind(types)
            at += len(types)
        elif binding is None:
            raise malformed("parameters of no type")
        numbers = binding.numbers
        if (
            numbers is not None
            and not self._long_data
            and packet[_BITMAP_AT:flag_at] == self._no_nulls
            and self._deferred is None
        ):
            if len(packet) < at + numbers.size:
                raise malformed("it ends within the parameters")
            return numbers.unpack_from(packet, at)
        return self._one_by_one(binding, packet, at)

    def _bind(self, types: bytes) -> Binding:
        if len(types) < 2 * self.count:
            raise malformed("it ends within the parameter types")
        self._binding = bind(types, self._codec)
        return self._binding

    def _one_by_one(self, binding: Binding, packet: bytes, at: int) -> tuple[Any, ...]:
        if self._deferred is not None:
            deferred = self._deferred
            self.reset()
            raise deferred
        nulls = int.from_bytes(packet[_BITMAP_AT : self._flag_at], "little")
        values: list[Any] = []
        for index, read in enumerate(binding.readers):
            if index in self._long_data:
                kind = binding.types[2 * index]
                values.append(as_string(bytes(self._long_data[index]), kind, self._codec))
            elif nulls >> index & 1:
                values.append(None)
            else:
                value, at = read(packet, at)
                values.append(value)
        self._long_data.clear()
        return tuple(values)

    def add_long_data(self, index: int, data: bytes, limit: int) -> None:
        """A piece of a value. Nothing answers it, so what is wrong is said by the execution."""
        if self._deferred is not None:
            return
        if index >= self.count:
            self._deferred = wrong_arguments("mysqld_stmt_send_long_data")
        elif sum(map(len, self._long_data.values())) + len(data) > limit:
            self._long_data.clear()
            self._deferred = packet_too_large()
        else:
            self._long_data.setdefault(index, bytearray()).extend(data)

    def reset(self) -> None:
        """COM_STMT_RESET: forget what was sent ahead."""
        self._long_data.clear()
        self._deferred = None
