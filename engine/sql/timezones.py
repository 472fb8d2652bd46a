"""Time zones as MySQL names them: '+02:00', 'SYSTEM', 'UTC', 'Europe/Vienna'.

SYSTEM is UTC: instances of a cluster must agree, whatever their machines are set to.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):(\d{2})$")


@lru_cache(maxsize=256)
def find_zone(name: str) -> tzinfo | None:
    """None for a name or offset that is none (MySQL's range is -13:59 to +14:00)."""
    if name.upper() in ("SYSTEM", "UTC"):
        return UTC
    match = _OFFSET.match(name)
    if match is None:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None
    minutes = int(match[2]) * 60 + int(match[3])
    if int(match[3]) > 59 or minutes > (14 * 60 if match[1] == "+" else 13 * 60 + 59):
        return None
    delta = timedelta(minutes=-minutes if match[1] == "-" else minutes)
    return UTC if minutes == 0 else timezone(delta)
