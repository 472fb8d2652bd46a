"""`sixfold up --detach`: the launcher in the background, the caller back once the cluster is ready.

The launcher is forked before any event loop exists. Its progress lines reach the caller through a
pipe; the pipe's end without the closing word means the start failed, and the launcher's exit code
is passed on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

READY_WORD = "\x00ready\n"


def run_detached(body: Callable[[Callable[[], None]], int], log: Path) -> int:
    """Run `body(on_ready)` in a background process; returns 0 when it called on_ready, else its
    code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        # `body` reports its own failures; whatever happens, the child must not return to the
        # caller's code.
        code = 1
        try:
            code = _as_background(body, write_end, log)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(write_end)
    if _relay(read_end):
        return 0
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) or 1


def _as_background(body: Callable[[Callable[[], None]], int], write_end: int, log: Path) -> int:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)

    def on_ready() -> None:
        sys.stdout.flush()
        os.write(1, READY_WORD.encode())
        log.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)

    return body(on_ready)


def _relay(read_end: int) -> bool:
    """Copy the launcher's lines to our standard output; True when it said that it is ready."""
    with os.fdopen(read_end, "r", errors="replace") as lines:
        for line in lines:
            if line.endswith(READY_WORD):
                return True
            sys.stdout.write(line)
            sys.stdout.flush()
    return False
