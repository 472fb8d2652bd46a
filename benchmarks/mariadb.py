"""MariaDB servers of our own: private data directories, sockets and loopback ports, always stopped.

Two systems: one server alone with its defaults (every commit synced), and a source with two
semi-sync replicas set as strictly as Sixfold is: AFTER_SYNC, sync_binlog=1,
innodb_flush_log_at_trx_commit=1, so a commit is acknowledged when it is on two machines' worth of
disks.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from pathlib import Path

import pymysql
from attrs import define, field

from benchmarks.systems import DATABASE, BenchmarkError, Endpoint, find_program, free_port, tail

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POOL = "512M"
USER = "bench"
# "Never fall back to asynchronous": a silent fall-back would compare something else.
SEMI_SYNC_TIMEOUT_MS = 10_000_000
SEMI_SYNC = (
    "--log-bin=binlog",
    "--sync-binlog=1",
    "--rpl-semi-sync-master-enabled=1",
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    f"--rpl-semi-sync-master-timeout={SEMI_SYNC_TIMEOUT_MS}",
    "--rpl-semi-sync-slave-enabled=1",
)


@define
class Server:
    """One mariadbd process."""

    root: Path
    server_id: int
    options: tuple[str, ...] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port, USER)

    @property
    def socket(self) -> Path:
        return self.root / "s.sock"

    def start(self) -> None:
        data = self.root / "data"
        self.root.mkdir(parents=True)
        self._install(data)
        self.port = free_port(13306 + 10 * self.server_id)
        log = (self.root / "server.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    find_program("mariadbd", "mysqld"),
                    "--no-defaults",
                    f"--user={getpass.getuser()}",
                    f"--datadir={data}",
                    f"--socket={self.socket}",
                    f"--pid-file={self.root / 'pid'}",
                    "--bind-address=127.0.0.1",
                    f"--port={self.port}",
                    f"--server-id={self.server_id}",
                    "--skip-name-resolve",
                    f"--innodb-buffer-pool-size={POOL}",
                    "--innodb-flush-log-at-trx-commit=1",
                    *self.options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own group, so that Ctrl-C is ours to pass on; our own session, because Linux
                # shares the CPU out by session and every system shall get the same.
                process_group=0,
            )
        self._wait_up()

    def _install(self, data: Path) -> None:
        done = subprocess.run(
            [
                find_program("mariadb-install-db", "mysql_install_db"),
                "--no-defaults",
                f"--user={getpass.getuser()}",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"mariadb-install-db failed: {done.stdout}{done.stderr}".strip())

    def _wait_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"MariaDB did not start:\n{tail(self.root / 'server.log')}")
            try:
                self.admin(
                    f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1'",
                    f"GRANT ALL ON *.* TO {USER}@'127.0.0.1'",
                )
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return

    def admin(self, *statements: str) -> list[dict[str, object]]:
        """Run statements as root over the socket, outside the binary log."""
        with (
            pymysql.connect(unix_socket=str(self.socket), user="root") as connection,
            connection.cursor(pymysql.cursors.DictCursor) as cursor,
        ):
            cursor.execute("SET sql_log_bin = 0")
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@define
class MariaDbAlone:
    root: Path
    name: str = "MariaDB alone"
    _server: Server = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._server = Server(self.root, server_id=1)

    @property
    def writer(self) -> Endpoint:
        return self._server.endpoint

    @property
    def reads(self) -> Endpoint:
        return self._server.endpoint

    @property
    def replica(self) -> Endpoint | None:
        return None

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def version(self) -> str:
        return str(self._server.admin("SELECT VERSION() AS v")[0]["v"])

    def pids(self) -> dict[str, int]:
        return {"server": self._server.pid}


@define
class MariaDbSemiSync:
    root: Path
    name: str = "MariaDB semi-sync trio"
    _servers: list[Server] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._servers = [
            Server(self.root / f"s{number}", server_id=10 + number, options=SEMI_SYNC)
            for number in range(3)
        ]

    @property
    def writer(self) -> Endpoint:
        return self._servers[0].endpoint

    @property
    def reads(self) -> Endpoint:
        return self._servers[0].endpoint

    @property
    def replica(self) -> Endpoint | None:
        return self._servers[1].endpoint

    def start(self) -> None:
        os.makedirs(self.root, exist_ok=True)
        for server in self._servers:
            server.start()
        source, *replicas = self._servers
        for replica in replicas:
            replica.admin(
                f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={source.port}, "
                f"MASTER_USER='{USER}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
                "START SLAVE",
                "SET GLOBAL read_only = 1",
            )
        self._wait_semi_sync(source, replicas=len(replicas))

    def _wait_semi_sync(self, source: Server, *, replicas: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            found = source.admin("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")
            if found and int(str(found[0]["Value"])) == replicas:
                return
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the semi-sync replicas did not connect: {found}")
            time.sleep(0.1)

    def still_semi_sync(self) -> bool:
        found = self._servers[0].admin("SHOW STATUS LIKE 'Rpl_semi_sync_master_status'")
        return bool(found) and found[0]["Value"] == "ON"

    def stop(self) -> None:
        for server in reversed(self._servers):
            server.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def version(self) -> str:
        return str(self._servers[0].admin("SELECT VERSION() AS v")[0]["v"])

    def pids(self) -> dict[str, int]:
        return {f"server-{number}": server.pid for number, server in enumerate(self._servers, 1)}


__all__ = ["DATABASE", "MariaDbAlone", "MariaDbSemiSync"]
