"""Log files of the components: appended to by the component itself, kept bounded by the launcher.

A component's standard error is the file, not a pipe, so a busy or stopped launcher never blocks a
component. Rotation therefore copies and truncates; lines written between the two steps are lost,
which is the price of a writer that needs no signal and no cooperation.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MAX_LOG_BYTES = 8 << 20
TAIL_BYTES = 4096


def open_for_child(path: Path) -> int:
    """A descriptor to hand to a child as its standard error."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate_if_large(path: Path, limit: int = MAX_LOG_BYTES) -> bool:
    """Keep at most two files of about `limit` bytes each."""
    try:
        if path.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)
    return True


def last_line(path: Path, after: int = 0) -> str:
    """The last line written past offset `after`: what a component that refused to start said."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(after, size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1].strip() if lines else ""
