"""In-memory stand-ins for the machine, held to the same conformance suite as the real thing.

`fake_runtime()` gives a `Runtime` without files, sockets or real time; see `tests/conformance`.
"""

from __future__ import annotations

from tests.fakes.clock import TrioClock
from tests.fakes.disk import MemoryDisk, Platter
from tests.fakes.net import MemoryNet, World
from tests.fakes.runtime import fake_runtime

__all__ = ["MemoryDisk", "MemoryNet", "Platter", "TrioClock", "World", "fake_runtime"]
