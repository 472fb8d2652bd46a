"""Processes by pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import trio

from cluster import processes
from cluster.processes import ProcessId
from runtime.clock import SystemClock


def test_a_process_is_itself():
    own = processes.identify(os.getpid())
    assert own is not None
    assert own.alive()
    assert not ProcessId(own.pid, "another start").alive()


def test_killing_ends_a_stopped_process_and_a_zombie_counts_as_gone():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        known = processes.identify(child.pid)
        assert known is not None
        known.signal(signal.SIGSTOP)
        assert trio.run(processes.kill_all, [known], 10, SystemClock()) == []
        assert not known.alive()


def test_a_recycled_pid_is_not_signalled():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        ProcessId(child.pid, "some other start").signal(signal.SIGKILL)
        assert child.poll() is None
        child.kill()
