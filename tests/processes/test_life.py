"""Starting and stopping: ready quickly, nothing left behind, one cluster in a directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess

from cluster.exits import ExitCode
from tests.processes.conftest import MakeCluster
from tests.processes.real_cluster import RealCluster, alive, stop, wait_until


def test_up_shows_components_and_endpoints_and_ctrl_c_leaves_nothing(make_cluster: MakeCluster):
    cluster = make_cluster()
    cluster.up()
    shown = cluster.output()
    for name in (*(f"storage-{az}{n}" for az in "abc" for n in (1, 2)), "router", "monitor"):
        assert f"{name:<12} ready" in shown
    assert f"mysql -h 127.0.0.1 -P {cluster.port} -u admin" in shown.splitlines()[-1]
    pids = cluster.every_pid()
    assert len(pids) == 12  # eleven components and the launcher
    assert cluster.interrupt() == ExitCode.OK
    assert not any(alive(pid) for pid in pids)
    assert cluster.every_pid() == []


def test_ctrl_c_after_components_were_killed_and_stopped_by_hand(cluster: RealCluster):
    os.kill(cluster.pid("storage-b1"), signal.SIGKILL)
    os.kill(cluster.pid("instance-2"), signal.SIGKILL)
    stop(cluster.pid("instance-3"))
    stop(cluster.pid("storage-c2"))
    assert cluster.interrupt() == ExitCode.OK
    assert cluster.every_pid() == []


def test_components_end_with_their_launcher(cluster: RealCluster):
    """kill -9 of the launcher: the others see the end of their standard input; a stopped one is
    continued and hung up by the kernel."""
    stop(cluster.pid("storage-a2"))
    assert cluster.launcher is not None
    cluster.launcher.kill()
    cluster.launcher.wait()
    wait_until(lambda: not cluster.every_pid(), 10, "every component to end", cluster.evidence)


def test_detach_status_and_down(make_cluster: MakeCluster):
    cluster = make_cluster()
    try:
        up = cluster.command("up", "--port", str(cluster.port), "--detach")
        assert up.returncode == ExitCode.OK, up.stdout + up.stderr
        assert "connect with:" in up.stdout
        status = cluster.status()
        assert status["writer_endpoint"] == f"127.0.0.1:{cluster.port}"
        assert status["writer"] in {one["id"] for one in status["instances"]}
        again = cluster.command("up", "--port", str(cluster.port + 10))
        assert again.returncode == ExitCode.DATA_IN_USE
        assert "is in use by another cluster" in again.stderr
        elsewhere = make_cluster("other").command("up", "--port", str(cluster.port))
        assert elsewhere.returncode == ExitCode.PORT_TAKEN
        unknown = cluster.command("failover", "--to", "instance-9")
        assert unknown.returncode == ExitCode.UNKNOWN_INSTANCE
        assert "instance-1, instance-2, instance-3" in unknown.stderr
        down = cluster.command("down")
        assert down.returncode == ExitCode.OK, down.stderr
        assert cluster.every_pid() == []
        assert cluster.command("down").returncode == ExitCode.NOT_RUNNING
    finally:
        cluster.command("down")


def test_status_has_the_documented_fields(shared_cluster: RealCluster):
    status = shared_cluster.status()
    assert set(status) == {
        "writer_endpoint",
        "reader_endpoint",
        "volume_epoch",
        "vdl",
        "writer",
        "instances",
        "storage",
        "router",
        "monitor",
    }
    assert [set(one) for one in status["instances"]] == [
        {"id", "role", "state", "tier", "az", "address", "pid", "replica_lag_ms"}
    ] * 3
    assert [set(one) for one in status["storage"]] == [
        {"id", "az", "state", "address", "pid", "segments"}
    ] * 6
    assert sorted(one["role"] for one in status["instances"]) == ["reader", "reader", "writer"]
    assert [one["tier"] for one in status["instances"]] == [0, 1, 1]
    pids = [one["pid"] for one in (*status["instances"], *status["storage"])]
    assert all(alive(pid) for pid in (*pids, status["router"]["pid"], status["monitor"]["pid"]))
    assert "instance-1" in shared_cluster.command("status").stdout


def test_everything_listens_on_loopback_only(shared_cluster: RealCluster):
    listing = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=False)
    if listing.returncode:
        return
    pids = {f"pid={pid}," for pid in shared_cluster.every_pid()}
    own = [line for line in listing.stdout.splitlines() if any(pid in line for pid in pids)]
    assert own
    assert all(line.split()[3].startswith("127.") for line in own), own


def test_the_state_file_follows_restarts(shared_cluster: RealCluster):
    before = shared_cluster.signal("storage-c1", signal.SIGKILL)
    wait_until(
        lambda: _pid_in_state(shared_cluster, "storage-c1") not in (None, before),
        10,
        "a restarted storage node",
        shared_cluster.evidence,
    )
    shared_cluster.wait_status(
        lambda status: all(one["state"] != "unreachable" for one in status["storage"]),
        20,
        "the storage node to answer again",
    )


def _pid_in_state(cluster: RealCluster, name: str) -> int | None:
    state = json.loads((cluster.data / "run" / "state.json").read_text())
    process = next(part["process"] for part in state["components"] if part["name"] == name)
    return process["pid"] if process else None
