"""Comments, splitting, tokens and trees."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.sql.bulk import cut_rows
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.parse.lexer import LexerModes, tokenize, unquote
from engine.sql.parse.statements import parse_expression, parse_statement
from engine.sql.text import expand_comments, split_statements

EXPANDED = [
    ("SELECT 1/*!40101, @@SQL_MODE*/ x", "SELECT 1 , @@SQL_MODE  x"),
    ("/*!50003 CREATE*/ /*!50017 DEFINER=x*/ TRIGGER", "  CREATE    DEFINER=x  TRIGGER"),
    ("a /*!99999 b */ c", "a  /**/  c"),
    ("a /*M!100100 b */ c", "a  /**/  c"),
    (") /*! ENGINE = innodb */ ", ")   ENGINE = innodb   "),
    ("'/*! not */' /*! code */", "'/*! not */'   code  "),
    ("/*!40101 SET x='*/' */", "  SET x='*/'  "),
]


@pytest.mark.parametrize("text, expected", EXPANDED)
def test_executable_comments(text, expected):
    assert expand_comments(text) == expected


SPLIT = [
    ("select 1", ["select 1"]),
    ("select 1;", ["select 1"]),
    ("select 1; select 2;", ["select 1", " select 2"]),
    ("select ';'; -- a;b\nselect 2", ["select ';'", " -- a;b\nselect 2"]),
    ("a;;b", ["a", "b"]),
    ("select `a;b` /* ; */; c", ["select `a;b` /* ; */", " c"]),
    (";;", []),
]


@pytest.mark.parametrize("text, expected", SPLIT)
def test_split(text, expected):
    assert split_statements(text) == expected


STRINGS = [
    ("'a'", "a"), ("'it''s'", "it's"), (r"'a\'b'", "a'b"), (r"'\n\t\r\0\Z\b'", "\n\t\r\0\x1a\b"),
    (r"'\%\_\x'", "\\%\\_x"), ("'\"'", '"'), ('"a""b"', 'a"b'), (r"'''\''", "''"),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", STRINGS)
def test_string_literals(text, expected):
    assert unquote(text) == expected
    assert tokenize(text)[0].text == expected


def test_modes_of_the_lexer():
    assert tokenize(r"'a\'", LexerModes(backslash_escapes=False))[0].text == "a\\"
    assert tokenize('"a"', LexerModes(ansi_quotes=True))[0].upper == ""


def shape(node: ast.Expr) -> str:
    """Full parentheses, to see how operators bind."""
    match node:
        case ast.Binary():
            return f"({shape(node.left)} {node.op} {shape(node.right)})"
        case ast.Unary():
            return f"({node.op} {shape(node.operand)})"
        case ast.Literal():
            return str(node.value)
        case ast.ColumnRef():
            return node.written()
        case ast.Is():
            return f"({shape(node.operand)} IS {'NOT ' if node.negated else ''}{node.what})"
        case ast.Between():
            return f"({shape(node.operand)} BETWEEN {shape(node.low)} AND {shape(node.high)})"
        case ast.Like():
            return f"({shape(node.operand)} LIKE {shape(node.pattern)})"
        case ast.In():
            assert isinstance(node.items, list)
            return f"({shape(node.operand)} IN {','.join(map(shape, node.items))})"
        case ast.Func():
            return f"{node.name}[{','.join(map(shape, node.args))}]"
        case ast.Collate():
            return f"({shape(node.operand)} COLLATE {node.collation})"
        case ast.Interval():
            return f"INTERVAL {shape(node.value)} {node.unit}"
    raise AssertionError(node)


PRECEDENCE = [
    ("1 + 2 * 3", "(1 + (2 * 3))"),
    ("1 - 2 - 3", "((1 - 2) - 3)"),
    ("2 * 3 ^ 4", "(2 * (3 ^ 4))"),
    ("1 | 2 & 3 << 4", "(1 | (2 & (3 << 4)))"),
    ("- a ^ 2", "((- a) ^ 2)"),
    ("! a = b", "((NOT a) = b)"),
    ("NOT a = b", "(NOT (a = b))"),
    ("NOT a AND b", "((NOT a) AND b)"),
    ("a OR b AND c XOR d", "(a OR ((b AND c) XOR d))"),
    ("a || b && c", "(a OR (b AND c))"),
    ("a = b = c", "((a = b) = c)"),
    ("a BETWEEN 1 AND 2 AND c", "((a BETWEEN 1 AND 2) AND c)"),
    ("a IS NULL = b", "((a IS NULL) = b)"),
    ("a = b IS TRUE", "((a = b) IS TRUE)"),
    ("a LIKE b OR c", "((a LIKE b) OR c)"),
    ("a IN (1, 2) = 1", "((a IN 1,2) = 1)"),
    ("a + b COLLATE utf8mb4_bin", "(a + (b COLLATE utf8mb4_bin))"),
    ("a DIV 2 MOD 3", "((a DIV 2) % 3)"),
    ("INTERVAL 1 + 1 DAY + d", "(INTERVAL (1 + 1) DAY + d)"),
    ("interval(1, 2)", "INTERVAL[1,2]"),
    ("a <> b != c", "((a <> b) <> c)"),
    ("~a & b", "((~ a) & b)"),
]


@pytest.mark.parametrize("text, expected", PRECEDENCE)
def test_precedence(text, expected):
    assert shape(parse_expression(text)) == expected


def test_limits_of_a_union_belong_to_the_whole():
    node = parse_statement("SELECT 1 UNION SELECT 2 ORDER BY 1 LIMIT 1").node
    assert isinstance(node, ast.SetOperation)
    assert node.limit is not None and isinstance(node.right, ast.Select)
    assert node.right.limit is None
    node = parse_statement("(SELECT 1 LIMIT 1) UNION ALL (SELECT 2 LIMIT 2)").node
    assert isinstance(node, ast.SetOperation) and node.limit is None
    assert isinstance(node.right, ast.Select) and node.right.limit is not None
    with pytest.raises(SqlError):
        parse_statement("SELECT 1 LIMIT 1 UNION SELECT 2")


def test_nested_joins():
    node = parse_statement("SELECT * FROM a JOIN b JOIN c ON b.x = c.x ON a.x = b.x").node
    assert isinstance(node, ast.Select) and isinstance(node.source, ast.Join)
    assert isinstance(node.source.right, ast.Join) and node.source.on is not None
    node = parse_statement("SELECT * FROM a LEFT JOIN b ON 1 JOIN c ON 2").node
    assert isinstance(node, ast.Select) and isinstance(node.source, ast.Join)
    assert isinstance(node.source.left, ast.Join)


STATEMENTS = [
    ("TABLE t", ast.Select),
    ("VALUES ROW(1, 2), ROW(3, 4)", ast.Values),
    ("WITH a AS (SELECT 1) SELECT * FROM a", ast.With),
    ("REPLACE INTO t VALUES (1)", ast.Insert),
    ("INSERT INTO t (SELECT 1)", ast.Insert),
    ("UPDATE a, b SET a.x = b.y", ast.Update),
    ("DELETE a, b FROM a JOIN b", ast.Delete),
    ("DELETE FROM a USING a JOIN b", ast.Delete),
    ("TRUNCATE t", ddl.TruncateTable),
    ("ALTER TABLE t ADD (a INT, b INT), DROP KEY x, RENAME TO y", ddl.AlterTable),
    ("CREATE UNIQUE INDEX i USING BTREE ON t (a(10) DESC, b)", ddl.CreateIndex),
    ("RENAME TABLE a TO b, c TO d.e", ddl.RenameTable),
    ("START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT", admin.Begin),
    ("ROLLBACK WORK TO SAVEPOINT a", admin.RollbackTo),
    ("SET @a = 1, GLOBAL x = ON, @@session.y := DEFAULT, NAMES utf8mb4", admin.Set),
    ("SHOW FULL COLUMNS FROM t FROM db LIKE 'a%'", admin.Show),
    ("EXPLAIN t", admin.Describe),
    ("DESC SELECT 1", admin.Explain),
    ("KILL QUERY 5", admin.Kill),
    ("LOCK TABLES a READ LOCAL, b AS c LOW_PRIORITY WRITE", admin.LockTables),
    ("FLUSH NO_WRITE_TO_BINLOG TABLES", admin.Flush),
    ("CREATE USER a@'%' IDENTIFIED WITH mysql_native_password BY 'x'", admin.CreateUser),
    ("GRANT SELECT, CREATE VIEW ON db.* TO a, b@localhost WITH GRANT OPTION", admin.Grant),
    ("-- only a comment", admin.Do),
]


@pytest.mark.parametrize("text, kind", STATEMENTS)
def test_statements(text, kind):
    assert isinstance(parse_statement(text).node, kind)


SYNTAX_ERRORS = [
    ("SELECT", ""), ("SELECT 1 FROM", ""), ("SELECT FROM t", "FROM t"), ("INSERT t VALUES", ""),
    ("SELECT 1 +", ""), ("SELECT (1", ""), ("SELECT a b c", "c"), ("SELECT 1 WHERE", ""),
    ("UPDATE t SET", ""), ("DELETE t", ""), ("CREATE TABLE t", None), ("DROP", ""),
    ("SELECT * FROM t LIMIT x", "x"), ("SELECT a.", ""), ("SELECT 1 LIMIT -1", "-1"),
    ("SET x", ""), ("SHOW NOPE", "NOPE"), ("CREATE TABLE t (a NOPE)", "NOPE)"),
    ("SELECT @", "@"), ("COMMIT x", "x"), ("SELECT \\", "\\"),
]  # fmt: skip


@pytest.mark.parametrize("text, near", SYNTAX_ERRORS)
def test_syntax_errors_point_at_the_place(text, near):
    if near is None:
        parse_statement(text)
        return
    with pytest.raises(SqlError) as caught:
        parse_statement(text)
    assert caught.value.errno == 1064
    assert caught.value.message.endswith(f"near '{near}' at line 1")


def test_literals_are_numbered_in_text_order():
    parsed = parse_statement("SELECT a FROM t WHERE a = 5 AND b = 'x' LIMIT 2, 3")
    node = parsed.node
    assert isinstance(node, ast.Select) and node.limit is not None
    assert isinstance(node.limit.count, ast.Literal) and node.limit.count.index == 3
    assert isinstance(node.limit.offset, ast.Literal) and node.limit.offset.index == 2


def test_parameters_are_numbered_in_text_order():
    parsed = parse_statement("SELECT ? FROM t WHERE a IN (?, ?) LIMIT ?, ?")
    assert parsed.param_count == 5
    node = parsed.node
    assert isinstance(node, ast.Select) and node.limit is not None
    assert node.limit.offset == ast.Param(3) and node.limit.count == ast.Param(4)


CUT = [
    ("INSERT INTO t VALUES (1, 'a'), (2, NULL)", "INSERT INTO t VALUES (?, ?)",
     [[1, "a"], [2, None]]),
    ("insert ignore into `t (x)` (a, `b`) values (-1.5, 0x41), (1e2, 'x''\\n') on duplicate key"
     " update a = 1", "insert ignore into `t (x)` (a, `b`) values (?, ?) on duplicate key update"
     " a = 1", [["-1.5", b"A"], [100.0, "x'\n"]]),
    ("REPLACE INTO t VALUES (TRUE)", "REPLACE INTO t VALUES (?)", [[1]]),
]  # fmt: skip


@pytest.mark.parametrize("text, statement, rows", CUT)
def test_values_lists_are_cut_out(text, statement, rows):
    found = cut_rows(text)
    assert found is not None
    assert (found.statement, found.rows) == (statement, rows)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1 + 1)",
        "INSERT INTO t VALUES (now())",
        "INSERT INTO t VALUES (1), (1, 2)",
        "INSERT INTO t VALUES (1),",
        "INSERT INTO t VALUES ('a",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 'x'",
        "SELECT 1",
    ],
)
def test_other_statements_are_left_to_the_parser(text):
    assert cut_rows(text) is None
