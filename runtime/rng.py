"""Randomness: named child generators by path ("node-3/net"), all determined by one seed.

A child depends on the seed and its path alone, never on how often its parent was drawn, so one
extra draw somewhere does not shift the others. Bytes and UUIDs come from a keyed BLAKE2b counter:
with an unknown seed they cannot be predicted from earlier output, which the Mersenne twister of
`random` does not promise.
"""

from __future__ import annotations

import random
from collections.abc import MutableSequence, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_BLOCK = 64


class Rng:
    """One named generator."""

    __slots__ = ("_counter", "_key", "_random", "path", "seed")

    def __init__(self, seed: int, path: str = "") -> None:
        self.seed = seed
        self.path = path
        self._key = blake2b(f"{seed}\0{path}".encode(), person=b"sixfold.rng").digest()
        self._counter = 0
        self._random = random.Random(int.from_bytes(self._key, "big"))

    def child(self, name: str) -> Rng:
        return Rng(self.seed, f"{self.path}/{name}" if self.path else name)

    def random(self) -> float:
        return self._random.random()

    def uniform(self, a: float, b: float) -> float:
        return self._random.uniform(a, b)

    def randrange(self, n: int) -> int:
        return self._random.randrange(n)

    def choice(self, seq: Sequence[T]) -> T:
        return self._random.choice(seq)

    def shuffle(self, items: MutableSequence[T]) -> None:
        self._random.shuffle(items)

    def randbytes(self, n: int) -> bytes:
        blocks = []
        for _ in range(-(-n // _BLOCK)):
            self._counter += 1
            blocks.append(blake2b(self._counter.to_bytes(8, "big"), key=self._key).digest())
        return b"".join(blocks)[:n]

    def uuid(self) -> str:
        """A version 4 UUID in its canonical text form."""
        raw = bytearray(self.randbytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
