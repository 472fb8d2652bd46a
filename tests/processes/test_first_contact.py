"""First contact of real clients: the mariadb command line, PyMySQL and sysbench."""

from __future__ import annotations

import shutil
import subprocess
import time

import pymysql
import pytest

from tests.processes.real_cluster import RealCluster, wait_until

EVERYDAY = """
CREATE DATABASE shop;
USE shop;
CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer_id INT, amount DECIMAL(10,2));
CREATE INDEX by_customer ON orders (customer_id);
INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Edsger');
INSERT INTO orders (customer_id, amount) VALUES (1, 10.50), (1, 4.25), (2, 7.00);
ALTER TABLE customers ADD COLUMN city VARCHAR(20) DEFAULT 'unknown';
UPDATE customers SET city = 'London' WHERE name = 'Ada';
BEGIN;
DELETE FROM orders WHERE customer_id = 2;
ROLLBACK;
SELECT c.name, c.city, COUNT(*), SUM(o.amount) FROM customers c JOIN orders o ON
 o.customer_id = c.id WHERE c.name LIKE '%a%' GROUP BY c.id, c.name, c.city ORDER BY 4 DESC LIMIT 5;
SHOW TABLES;
"""


def mysql_program() -> str:
    program = shutil.which("mariadb") or shutil.which("mysql")
    if program is None:
        pytest.skip("no mysql or mariadb command line here; .ci/run installs it")
    return program


def run_mysql(cluster: RealCluster, port: int, sql: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [mysql_program(), "-h", "127.0.0.1", "-P", str(port), "-u", "admin", "--batch", "-N"],
        input=sql,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_command_line_client(shared_cluster: RealCluster):
    done = run_mysql(shared_cluster, shared_cluster.port, EVERYDAY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Ada\tLondon\t2\t14.75",
        "Grace\tunknown\t1\t7.00",
        "customers",
        "orders",
    ]
    for statement, expected in (
        ("SHOW DATABASES", "shop"),
        ("SHOW COLUMNS FROM shop.orders", "amount\tdecimal(10,2)"),
        ("DESCRIBE shop.customers", "name\tvarchar(40)\tNO"),
        ("SHOW CREATE TABLE shop.orders", "KEY `by_customer` (`customer_id`)"),
        ("SHOW VARIABLES LIKE 'innodb_read_only'", "innodb_read_only\tOFF"),
    ):
        done = run_mysql(shared_cluster, shared_cluster.port, statement)
        assert done.returncode == 0, (statement, done.stderr)
        assert expected in done.stdout, statement


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("USE nowhere", 1049),
        ("SELECT * FROM mysql.nothing", 1146),
        ("SELEC 1", 1064),
        ("LOAD DATA INFILE '/x' INTO TABLE mysql.y", 1235),
    ],
)
def test_refusals_by_number(shared_cluster: RealCluster, sql: str, number: int):
    with (
        shared_cluster.connect() as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.Error) as caught,
    ):
        cursor.execute(sql)
    assert caught.value.args[0] == number


def test_pymysql_on_both_endpoints_and_every_instance(shared_cluster: RealCluster):
    status = shared_cluster.status()
    with shared_cluster.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE contact")
        cursor.execute("CREATE TABLE contact.t (id INT PRIMARY KEY, v VARCHAR(20))")
        cursor.executemany("INSERT INTO contact.t VALUES (%s, %s)", [(1, "one"), (2, "zwei ☃")])
        acknowledged = time.monotonic()
    addresses = [status["reader_endpoint"], *(one["address"] for one in status["instances"])]
    for address in addresses:
        with shared_cluster.connect(address) as connection, connection.cursor() as cursor:
            wait_until(lambda c=cursor: rows_of(c) == [(1, "one"), (2, "zwei ☃")], 5, "rows")
    print(f"visible on {len(addresses)} addresses {time.monotonic() - acknowledged:.3f} s later")


def rows_of(cursor: pymysql.cursors.Cursor) -> list[tuple[object, ...]] | None:
    try:
        cursor.execute("SELECT id, v FROM contact.t ORDER BY id")
    except pymysql.err.ProgrammingError:
        return None
    return list(cursor.fetchall())


def test_readers_refuse_writes_with_1290(shared_cluster: RealCluster):
    with (
        shared_cluster.connect(shared_cluster.reader_endpoint) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.Error) as caught,
    ):
        cursor.execute("CREATE DATABASE never")
    assert caught.value.args[0] == 1290


def test_instances_say_who_they_are(shared_cluster: RealCluster):
    status = shared_cluster.status()
    for one in status["instances"]:
        with shared_cluster.connect(one["address"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@aurora_server_id, @@innodb_read_only, AURORA_VERSION()")
            name, read_only, version = cursor.fetchone()
            assert name == one["id"]
            assert bool(read_only) == (one["role"] == "reader")
            assert version
    with shared_cluster.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT server_id, session_id FROM information_schema.replica_host_status "
            "ORDER BY server_id"
        )
        rows = dict(cursor.fetchall())
    assert set(rows) == {one["id"] for one in status["instances"]}
    assert [name for name, session in rows.items() if session == "MASTER_SESSION_ID"] == [
        status["writer"]
    ]


def test_sysbench(shared_cluster: RealCluster):
    program = shutil.which("sysbench")
    if program is None:
        pytest.skip("no sysbench here; .ci/run installs it")
    with shared_cluster.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE sbtest")

    def sysbench(port: int, script: str, command: str, *options: str) -> None:
        done = subprocess.run(
            [
                program,
                script,
                "--db-driver=mysql",
                "--mysql-host=127.0.0.1",
                f"--mysql-port={port}",
                "--mysql-user=admin",
                "--tables=2",
                "--table-size=500",
                "--time=1",
                *options,
                command,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script} {command}\n{done.stdout}{done.stderr}"

    writer, reader = shared_cluster.port, shared_cluster.port + 1
    sysbench(writer, "oltp_read_write", "prepare")
    sysbench(reader, "oltp_point_select", "run", "--threads=4")
    sysbench(reader, "oltp_read_only", "run", "--threads=4")
    for script in ("oltp_update_index", "oltp_write_only", "oltp_read_write", "oltp_insert"):
        sysbench(writer, script, "run", "--threads=4")
    sysbench(writer, "oltp_point_select", "run", "--threads=4", "--db-ps-mode=disable")
    sysbench(writer, "oltp_read_write", "cleanup")
