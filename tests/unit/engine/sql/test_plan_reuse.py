"""Cached plans never change an answer.

Every statement is run on a session whose caches have seen statements of the same shape with
other values, and on one without any cache; results, column names and types must agree.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.results import ResultSet
from engine.sql.parse.lexer import tokenize
from engine.sql.text import digest, literal_spans
from tests.unit.engine.sql.sessionkit import Kit, run

SETUP = (
    "CREATE TABLE t (id INT PRIMARY KEY, k INT, c VARCHAR(20), d DECIMAL(10,2), dt DATETIME,"
    " da DATE, f DOUBLE, u BIGINT UNSIGNED, KEY k (k), KEY c (c))",
    "INSERT INTO t VALUES (1, 10, 'a', 1.50, '2020-01-01', '2020-01-01', 0.5, 1),"
    " (2, 20, 'B', 2.50, '2020-02-01 10:00:00', '2020-02-01', 1.5, 18446744073709551615),"
    " (3, NULL, '10', 10.00, NULL, NULL, NULL, NULL), (4, 5, '5x', 5, '2021-01-01', '2021-01-01',"
    " 5, 5)",
)

# Holes are filled with literals of every kind, in every order.
SHAPES = [
    "SELECT * FROM t WHERE id = {}",
    "SELECT * FROM t WHERE k = {} OR c = {}",
    "SELECT c FROM t WHERE c LIKE {} ORDER BY id",
    "SELECT id FROM t WHERE d > {} ORDER BY 1",
    "SELECT id, {} FROM t ORDER BY id LIMIT 2",
    "SELECT {}",
    "SELECT {} AS x, {} + 1",
    "SELECT id FROM t WHERE k IN ({}, {}) ORDER BY id",
    "SELECT id FROM t WHERE k BETWEEN {} AND {} ORDER BY id",
    "SELECT count(*) FROM t GROUP BY c = {} ORDER BY 1",
    "SELECT id FROM t WHERE u = {}",
    "SELECT id FROM t WHERE f < {} ORDER BY id DESC",
    "SELECT k + {} FROM t ORDER BY id",
    "SELECT id FROM t WHERE concat(c, {}) = {}",
    "SELECT if(k > {}, {}, c) FROM t ORDER BY id",
    "SELECT id FROM t WHERE -{} < k",
    "SELECT id FROM t WHERE id = (SELECT max(id) FROM t WHERE k = {})",
]
LIMITS = ["SELECT id FROM t ORDER BY id LIMIT {}", "SELECT id FROM t ORDER BY id LIMIT {}, {}",
          "SELECT id, k FROM t ORDER BY {}"]  # fmt: skip
LITERALS = ["1", "2", "5", "10", "20", "0", "99999999999", "18446744073709551615", "'a'", "'b'",
            "'10'", "'5x'", "''", "'2020-01-01'", "1.5", "2.50", "10.0", "5e0", "0x41", "NULL",
            "'it''s'", "'%'", "'a\\'b'", "TRUE", "123456789012345678901234567890"]  # fmt: skip


async def outcome(session, sql):
    try:
        result = await run(session, sql)
    except SqlError as problem:
        return problem.errno, problem.message
    assert isinstance(result, ResultSet)
    return result.columns, [tuple((type(v), v) for v in row) for row in result.rows]


async def test_shapes_with_every_literal():
    warm, cold = (await Kit().start()).session(), (await Kit().start()).session()
    for session in (warm, cold):
        for sql in SETUP:
            await run(session, sql)
    statements = []
    for shape in SHAPES:
        holes = shape.count("{}")
        for at in range(len(LITERALS)):
            chosen = [LITERALS[(at + 7 * hole) % len(LITERALS)] for hole in range(holes)]
            statements.append(shape.format(*chosen))
    for shape in LIMITS:
        holes = shape.count("{}")
        statements += [shape.format(*((n,) * holes)) for n in ("1", "2", "3", "0")]
    for sql in statements:
        first = await outcome(warm, sql)
        cold.shared.plans.texts.clear()
        cold.shared.plans.templates.clear()
        expected = await outcome(cold, sql)
        assert first == expected, sql
        assert await outcome(warm, sql) == expected, sql
    assert len(warm.shared.plans.templates) < len(statements) / 2


async def test_prepared_statements_with_parameters_of_any_type():
    session, cold = (await Kit().start()).session(), (await Kit().start()).session()
    for each in (session, cold):
        for sql in SETUP:
            await run(each, sql)
    values = {"1": 1, "10": 10, "'a'": "a", "'10'": "10", "'5x'": "5x", "5e0": 5.0, "NULL": None,
              "'2020-01-01'": "2020-01-01"}  # fmt: skip
    for shape in SHAPES:
        if shape.startswith("SELECT {}") or ", {} FROM" in shape:
            continue  # the names of the columns differ
        statement = await session.prepare(shape.replace("{}", "?"))
        holes = shape.count("{}")
        for text, value in values.items():
            expected = await outcome(cold, shape.format(*(text,) * holes))
            try:
                result = await session.run(statement, (value,) * holes)
            except SqlError as problem:
                assert (problem.errno, problem.message) == expected
                continue
            found = [tuple(row) for row in result.rows]
            assert found == [tuple(v for _, v in row) for row in expected[1]], (shape, text)


async def test_plans_follow_the_catalogue():
    kit = await Kit().start()
    one, two = kit.session(), kit.session()
    await run(one, "CREATE TABLE t (a INT)")
    await run(one, "INSERT INTO t VALUES (1)")
    prepared = await two.prepare("SELECT * FROM t WHERE a = ?")
    assert list((await two.run(prepared, (1,))).rows) == [(1,)]
    insert = await two.prepare("INSERT INTO t VALUES (2)")
    await run(one, "ALTER TABLE t ADD COLUMN b VARCHAR(5) DEFAULT 'x'")
    result = await two.run(prepared, (1,))
    assert list(result.rows) == [(1, "x")]
    assert [column.name for column in result.columns] == ["a", "b"]
    try:
        await two.run(insert, ())
    except SqlError as problem:
        assert problem.errno == 1136
    await run(one, "DROP TABLE t")
    try:
        await two.run(prepared, (1,))
    except SqlError as problem:
        assert problem.errno == 1146


async def test_the_default_database_is_part_of_a_plan():
    kit = await Kit().start()
    session = kit.session()
    await run(session, "CREATE DATABASE other")
    for schema, value in (("test", 1), ("other", 2)):
        await run(session, f"CREATE TABLE {schema}.t (a INT)")
        await run(session, f"INSERT INTO {schema}.t VALUES ({value})")
    prepared = await session.prepare("SELECT a FROM t")
    for _ in range(2):
        for schema, value in (("test", 1), ("other", 2)):
            await run(session, f"USE {schema}")
            result = await run(session, "SELECT a FROM t")
            assert list(result.rows) == [(value,)]
    result = await session.run(prepared, ())
    assert list(result.rows) == [(1,)]


async def test_sql_mode_is_part_of_a_plan():
    session = (await Kit().start()).session()
    assert list((await run(session, "SELECT 'a' || 'b'")).rows) == [(0,)]
    await run(session, "SET sql_mode = 'PIPES_AS_CONCAT'")
    assert list((await run(session, "SELECT 'a' || 'b'")).rows) == [("ab",)]
    await run(session, "SET sql_mode = 'ANSI_QUOTES'")
    assert list((await run(session, 'SELECT "x" FROM (SELECT 5 AS x) AS d')).rows) == [(5,)]
    await run(session, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert list((await run(session, r"SELECT 'a\nb'")).rows) == [("a\\nb",)]


TEXTS = st.text(alphabet="abx19 '\"`\\.,()=-#/*?\n;e", max_size=30)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_a_digest_with_its_literals_is_the_text(text):
    found = digest(text)
    assert found is not None
    marked, literals = found
    parts = marked.split("\0")
    rebuilt = parts[0] + "".join(lit + part for lit, part in zip(literals, parts[1:], strict=True))
    assert rebuilt == text
    try:
        tokens = tokenize(text)
    except SqlError:
        return
    seen = [(token.start, token.end) for token in tokens if token.literal >= 0]
    if seen != literal_spans(text):
        return  # the plan cache refuses such texts
    other = parts[0] + "".join(
        (f"{lit[0]}x y{lit[0]}" if lit[0] in "'\"" else lit.replace("1", "77")) + part
        for lit, part in zip(literals, parts[1:], strict=True)
    )
    assert digest(other) == (marked, digest(other)[1])
    assert len(tokenize(other)) == len(tokens)
