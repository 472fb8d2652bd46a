"""The `sixfold` command with instances and storage nodes that can be profiled.

SIGUSR1 starts cProfile, SIGUSR2 stops it and writes `profile.out` beside the component's
configuration. Used by benchmarks.profile only.
"""

from __future__ import annotations

import cProfile
import signal
import sys
from pathlib import Path
from types import FrameType

from cluster import launcher
from cluster.cli import main

PROGRAM = ("-m", "benchmarks.instrumented")
PROFILE_SUFFIX = ".profile"


def install(config_file: Path) -> None:
    output = config_file.with_suffix(PROFILE_SUFFIX)
    profiler = cProfile.Profile()

    def begin(_number: int, _frame: FrameType | None) -> None:
        profiler.clear()
        profiler.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profiler.disable()
        profiler.create_stats()
        temporary = output.with_suffix(".tmp")
        profiler.dump_stats(temporary)
        temporary.replace(output)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    launcher.PROGRAM = (sys.executable, *PROGRAM)
    if sys.argv[1] in ("instance", "storage"):
        install(Path(sys.argv[sys.argv.index("--config") + 1]))
    main()
