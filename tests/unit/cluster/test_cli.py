"""The command: exit codes and messages that need no cluster."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster.cli import main
from cluster.datadir import DataDir
from cluster.exits import ExitCode


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["failover"], ["down"]])
def test_no_cluster_is_said_so(command: list[str], tmp_path: Path):
    result = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "none")])
    assert result.exit_code == ExitCode.NOT_RUNNING
    assert "no cluster is running on" in result.output
    assert result.output.count("\n") == 1


def test_up_on_a_taken_port(tmp_path: Path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        arguments = ["up", "--data", str(tmp_path / "d"), "--port", str(min(port, 65000))]
        if port > 65000:
            pytest.skip("the kernel gave a port above the usable ones")
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == ExitCode.PORT_TAKEN
    assert f"port {port} on 127.0.0.1 is taken" in result.output


def test_up_on_another_format(tmp_path: Path):
    data = DataDir.at(tmp_path / "d")
    data.make()
    (data.root / "lock").touch()
    (data.root / "cluster.json").write_text('{"format_version": 99}')
    result = CliRunner().invoke(main, ["up", "--data", str(data.root)])
    assert result.exit_code == ExitCode.DATA_MISMATCH
    assert "format version 99" in result.output


@pytest.mark.parametrize(
    "arguments",
    [["--page-size", "seven"], ["--tiers", "a,b"], ["--instances", "0"], ["--unheard"]],
)
def test_wrong_usage(arguments: list[str], tmp_path: Path):
    result = CliRunner().invoke(main, ["up", "--data", str(tmp_path / "d"), *arguments])
    assert result.exit_code == ExitCode.USAGE


def test_a_component_without_its_file(tmp_path: Path):
    result = CliRunner().invoke(main, ["storage", "--config", str(tmp_path / "none.json")])
    assert result.exit_code == ExitCode.FAILED
    assert "cannot read" in result.output


def test_a_storage_node_loads_no_sql():
    """Start-up time of a cluster is mostly imports: each component loads its own package alone."""
    program = (
        "import sys, cluster.cli, cluster.component, volume.node\n"
        "heavy = {'apsw', 'sqlglot', 'pymysql', 'engine', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
