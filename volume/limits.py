"""Sizes, quorums and bounds of the volume, with the relations between them checked at import.

Quorum arithmetic is P17 section 2.1; LAL is P17 section 4.2.1.  The rest are this program's own
bounds; each says what it protects.
"""

from __future__ import annotations

from typing import Final

# Six copies, two in each of three AZs: a write survives the loss of an AZ plus one more node.
V: Final = 6
Vw: Final = 4
Vr: Final = 3

# No LSN is allocated above VDL + LAL: back-pressure, and the provable bound of a truncation range.
LAL: Final = 10_000_000

PAGE_SIZES: Final = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
PAGE_SIZE_DEFAULT: Final = 4096
SEGMENT_SIZE_DEFAULT: Final = 10 * 1024**3
PAGE_NO_MAX: Final = 2**32 - 1
LSN_MAX: Final = 2**63 - 1

# One append (boxcar) stays well below the largest wire frame, whatever piled up behind it.
APPEND_BYTES_MAX: Final = 8 * 1024**2
# What one gossip or catch-up reply carries; small enough not to hold up the foreground.
FETCH_BYTES_MAX: Final = 4 * 1024**2
DOCUMENT_BYTES_MAX: Final = 1024**2

# The writer sends an empty append this often when it has nothing to ship: VDL spreads, a fenced
# writer learns of it.
HEARTBEAT_SECONDS: Final = 0.1
# How often a storage node asks its peers where they are.
GOSSIP_SECONDS: Final = 1.0

# Hot log: size of one file, and how much log is kept for peers that were away for a while.
LOG_FILE_BYTES: Final = 8 * 1024**2
LOG_RETAIN_BYTES: Final = 32 * 1024**2
# Above this much log that is not yet in pages, coalescing no longer waits for an idle moment.
LOG_PRESSURE_BYTES: Final = 64 * 1024**2
# A page with this many unapplied records is coalesced even while the foreground is busy: it
# bounds the time to read it (P17: materialisation is triggered by the chain length of a page).
PAGE_CHAIN_MAX: Final = 2048
# Recent log held in memory, and materialised pages held in memory, per storage node.
LOG_TAIL_BYTES: Final = 16 * 1024**2
IMAGE_CACHE_BYTES: Final = 16 * 1024**2
# Foreground silence after which background work may start, and the pages of one round.
IDLE_SECONDS: Final = 0.2
COALESCE_PAGES: Final = 64

assert Vr + Vw > V and 2 * Vw > V, "read and write quorums must overlap"
assert LOG_FILE_BYTES <= LOG_RETAIN_BYTES <= LOG_PRESSURE_BYTES
assert HEARTBEAT_SECONDS < GOSSIP_SECONDS
