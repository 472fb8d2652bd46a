"""What the figures were taken on, so that a reader can judge them."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks.systems import find_program


def describe() -> dict[str, str]:
    return {
        "cores": str(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "processor": _processor(),
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite (apsw)": metadata.version("apsw"),
        "trio": metadata.version("trio"),
        "sysbench": _sysbench_version(),
        "load average before the run (1, 5, 15 min)": ", ".join(
            f"{x:.1f}" for x in os.getloadavg()
        ),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{total / (1 << 30):.0f} GiB"


def _sysbench_version() -> str:
    output = subprocess.run(
        [find_program("sysbench"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    return output.strip().removeprefix("sysbench ")
