"""Expression -> value, as MySQL 8.0 answers them."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from tests.unit.engine.sql.sessionkit import Kit, rows

# expression, value
ARITHMETIC = [
    ("1+1", 2),
    ("1/3", "0.3333"),
    ("1/0", None),
    ("5 div 2", 2),
    ("-5 div 2", -2),
    ("5 % 3", 2),
    ("-5 % 3", -2),
    ("5 % 0", None),
    ("mod(10, 4)", 2),
    ("5.5 % 2", "1.5"),
    ("1.5 * 2.25", "3.375"),
    ("0.1 + 0.2", "0.3"),
    ("10.00 / 3", "3.333333"),
    ("1e0 / 4", 0.25),
    ("'5abc' + 1", 6.0),
    ("'abc' + 1", 1.0),
    ("-'5'", -5.0),
    ("2 * 3 + 4", 10),
    ("2 + 3 * 4", 14),
    ("(2 + 3) * 4", 20),
    ("-2", -2),
    ("- -2", 2),
    ("~0", 18446744073709551615),
    ("1 << 63", 9223372036854775808),
    ("1 << 64", 0),
    ("5 & 3", 1),
    ("5 | 8", 13),
    ("5 ^ 1", 4),
    ("-1 & 255", 255),
    ("18446744073709551615 + 0", 18446744073709551615),
    ("cast(5 as unsigned) - 3", 2),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-3"),
    ("round(1.555, 2)", "1.56"),
    ("round(1234, -2)", 1200),
    ("truncate(1.999, 2)", "1.99"),
    ("truncate(-1.999, 1)", "-1.9"),
    ("ceil(1.2)", 2),
    ("floor(-1.2)", -2),
    ("abs(-3)", 3),
    ("abs(-3.5)", "3.5"),
    ("sign(-2)", -1),
    ("pow(2, 10)", 1024.0),
    ("sqrt(16)", 4.0),
    ("sqrt(-1)", None),
    ("log(-1)", None),
    ("rand(1)", 0.40540353712197724),
    ("0x41 + 0", 65),
    ("b'101' + 0", 5),
    ("conv('ff', 16, 10)", "255"),
    ("bit_count(255)", 8),
    ("greatest(1, 5, 3)", 5),
    ("least('b', 'a')", "a"),
    ("greatest(1, null)", None),
]

COMPARISON = [
    ("1 = 1.0", 1),
    ("1 = '1'", 1),
    ("1 = '1x'", 1),
    ("0 = 'x'", 1),
    ("'a' = 'A'", 1),
    ("binary 'a' = 'A'", 0),
    ("'a' collate utf8mb4_bin = 'A'", 0),
    ("'a' < 'B'", 1),
    ("'10' < '9'", 1),
    ("10 < '9'", 0),
    ("0.1 + 0.2 = 0.3", 1),
    ("1 <=> null", 0),
    ("null <=> null", 1),
    ("null = null", None),
    ("1 <> 2", 1),
    ("1 != 1", 0),
    ("null is null", 1),
    ("1 is not null", 1),
    ("1 is true", 1),
    ("null is unknown", 1),
    ("0 is not false", 0),
    ("1 between 0 and 2", 1),
    ("1 not between 0 and 2", 0),
    ("'b' between 'A' and 'C'", 1),
    ("1 in (1, 2)", 1),
    ("1 in (2, null)", None),
    ("1 not in (2, 3)", 1),
    ("'1' in (1, 'x')", 1),
    ("'A' in ('a', 'b')", 1),
    ("(1, 2) = (1, 2)", 1),
    ("(1, 2) < (1, 3)", 1),
    ("(1, 2) in ((1, 2), (3, 4))", 1),
    ("'abc' like 'A_C'", 1),
    ("'abc' like 'a%'", 1),
    ("'a%b' like 'a\\%b'", 1),
    ("'axb' like 'a\\%b'", 0),
    ("'a%b' like 'a|%b' escape '|'", 1),
    ("'abc' like binary 'A%'", 0),
    ("5 like '5'", 1),
    ("'abc' regexp '^A'", 1),
    ("'abc' not regexp 'x'", 1),
    ("regexp_like('abc', 'A', 'c')", 0),
    ("strcmp('a', 'b')", -1),
    ("interval(23, 1, 15, 17, 30, 44, 200)", 3),
    ("date '2020-01-01' = '2020-01-01 00:00:00'", 1),
    ("cast('2020-01-02' as date) > '2020-1-1'", 1),
    ("cast('2020-01-01 10:00:00' as datetime) = 20200101100000", 1),
    ("cast('10:00' as time) > '9:59'", 1),
]

LOGIC = [
    ("not 1", 0),
    ("!0", 1),
    ("not null", None),
    ("null and 0", 0),
    ("null and 1", None),
    ("null or 1", 1),
    ("1 xor 1", 0),
    ("1 xor null", None),
    ("1 || 0", 1),
    ("1 && 0", 0),
    ("'1x' and 1", 1),
    ("'x' or 0", 0),
    ("if(1 > 2, 'a', 'b')", "b"),
    ("if(null, 1, 2)", 2),
    ("ifnull(null, 5)", 5),
    ("nullif(1, 1)", None),
    ("nullif(1, 2)", 1),
    ("coalesce(null, null, 3)", 3),
    ("case 1 when 1 then 'x' else 'y' end", "x"),
    ("case when null then 1 end", None),
    ("case 'a' when 'A' then 1 else 2 end", 1),
    ("isnull(null)", 1),
    ("exists(select 1)", 1),
    ("1 = any(select 1)", 1),
    ("2 > all(select 1 union select 2)", 0),
    ("(select 5)", 5),
]

STRINGS = [
    ("concat('a', 1, 1.50, 2e0)", "a11.502"),
    ("concat('a', null)", None),
    ("concat_ws(',', 'a', null, 'b')", "a,b"),
    ("substring('hello', 2, 3)", "ell"),
    ("substring('hello', -3)", "llo"),
    ("substring('hello' from 2 for 2)", "el"),
    ("substring('hello', 0)", ""),
    ("left('hello', 2)", "he"),
    ("right('hello', 2)", "lo"),
    ("lpad('a', 3, 'xy')", "xya"),
    ("rpad('abc', 2, 'x')", "ab"),
    ("trim('  a ')", "a"),
    ("trim(both 'x' from 'xxaxx')", "a"),
    ("trim(leading 'x' from 'xxaxx')", "axx"),
    ("replace('aXa', 'X', 'b')", "aba"),
    ("reverse('abc')", "cba"),
    ("repeat('ab', 2)", "abab"),
    ("instr('abc', 'C')", 3),
    ("locate('b', 'abcb', 3)", 4),
    ("position('b' in 'abc')", 2),
    ("insert('abc', 2, 1, 'ZZ')", "aZZc"),
    ("field('b', 'a', 'B')", 2),
    ("find_in_set('b', 'a,b')", 2),
    ("elt(2, 'a', 'b')", "b"),
    ("ascii('A')", 65),
    ("char(65, 66)", b"AB"),
    ("char(65 using utf8mb4)", "A"),
    ("hex('abc')", "616263"),
    ("hex(255)", "FF"),
    ("unhex('41')", b"A"),
    ("format(12345.678, 2)", "12,345.68"),
    ("upper('straße')", "STRASSE"),
    ("lower('ABC')", "abc"),
    ("length('ä')", 2),
    ("char_length('ä')", 1),
    ("substring_index('a.b.c', '.', 2)", "a.b"),
    ("substring_index('a.b.c', '.', -1)", "c"),
    ("quote('it''s')", "'it\\'s'"),
    ("soundex('Robert')", "R163"),
    ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ("crc32('a')", 3904355907),
    ("to_base64('abc')", "YWJj"),
    ("from_base64('YWJj')", b"abc"),
    ("'it''s'", "it's"),
    ('"dq"', "dq"),
    (r"'a\nb\\c\'d'", "a\nb\\c'd"),
    ("'a' 'b'", "ab"),
    ("n'abc'", "abc"),
    ("_utf8mb4'abc'", "abc"),
    ("x'4142'", b"AB"),
    ("0x4142", b"AB"),
    ("regexp_replace('abc', 'B', 'x')", "axc"),
    ("regexp_substr('abc', 'b.')", "bc"),
    ("regexp_instr('abc', 'c')", 3),
    ("inet_aton('1.2.3.4')", 16909060),
    ("inet_ntoa(16909060)", "1.2.3.4"),
]

DATES = [
    ("date_add('2020-01-31', interval 1 month)", "2020-02-29"),
    ("date_sub('2020-03-31', interval 1 month)", "2020-02-29"),
    ("'2020-01-01' + interval 1 day", "2020-01-02"),
    ("interval 1 hour + '2020-01-01 00:00:00'", "2020-01-01 01:00:00"),
    ("'2020-01-01 00:00:00' - interval 1 second", "2019-12-31 23:59:59"),
    ("date_add('2020-01-01', interval '1:30' minute_second)", "2020-01-01 00:01:30"),
    ("date_add('2020-01-01', interval '1-2' year_month)", "2021-03-01"),
    ("adddate('2020-01-01', 5)", "2020-01-06"),
    ("datediff('2020-03-01', '2020-02-01')", 29),
    ("timestampdiff(month, '2020-01-31', '2020-03-30')", 1),
    ("timestampdiff(second, '2020-01-01', '2020-01-02')", 86400),
    ("timestampadd(month, 1, '2020-01-31')", "2020-02-29"),
    ("timediff('10:00:00', '09:30:00')", "00:30:00"),
    ("timediff('2020-01-02 00:00:00', '2020-01-01 12:00:00')", "12:00:00"),
    ("addtime('10:00:00', '01:00:00')", "11:00:00"),
    ("time_to_sec('01:01:01')", 3661),
    ("sec_to_time(3661)", "01:01:01"),
    ("year('2020-02-03')", 2020),
    ("month('2020-02-03')", 2),
    ("dayofweek('2020-02-03')", 2),
    ("weekday('2020-02-03')", 0),
    ("dayofyear('2020-02-03')", 34),
    ("week('2008-02-20')", 7),
    ("week('2008-02-20', 1)", 8),
    ("week('2008-12-31', 1)", 53),
    ("yearweek('1987-01-01')", 198652),
    ("weekofyear('2008-02-20')", 8),
    ("quarter('2020-05-01')", 2),
    ("last_day('2020-02-05')", "2020-02-29"),
    ("makedate(2020, 32)", "2020-02-01"),
    ("to_days('2007-10-07')", 733321),
    ("from_days(730669)", "2000-07-03"),
    ("dayname('2020-02-03')", "Monday"),
    ("monthname('2020-02-03')", "February"),
    ("extract(year_month from '2020-02-03')", 202002),
    ("extract(day_minute from '2019-07-02 01:02:03')", 20102),
    ("extract(microsecond from '2003-01-02 10:30:00.000123')", 123),
    ("date('2020-01-02 03:04:05')", "2020-01-02"),
    ("time('2020-01-02 03:04:05')", "03:04:05"),
    ("date_format('2009-10-04 22:23:00', '%W %M %Y')", "Sunday October 2009"),
    ("date_format('2007-10-04 22:23:00', '%H:%i:%s')", "22:23:00"),
    ("date_format('1900-10-04 22:23:00', '%D %y %a %d %m %b %j')", "4th 00 Thu 04 10 Oct 277"),
    ("date_format('1999-01-01', '%X %V')", "1998 52"),
    ("str_to_date('01,5,2013', '%d,%m,%Y')", "2013-05-01"),
    ("str_to_date('May 1, 2013', '%M %d,%Y')", "2013-05-01"),
    ("str_to_date('nope', '%d')", None),
    ("unix_timestamp('2020-01-01 00:00:00')", 1577836800),
    ("from_unixtime(1577836800)", "2020-01-01 00:00:00"),
    ("convert_tz('2004-01-01 12:00:00', 'GMT', 'MET')", "2004-01-01 13:00:00"),
    ("convert_tz('2004-01-01 12:00:00', '+00:00', '+10:00')", "2004-01-01 22:00:00"),
    ("period_add(200801, 2)", 200803),
    ("period_diff(200802, 200703)", 11),
    ("date '2020-01-02'", "2020-01-02"),
    ("timestamp '2020-01-02 03:04:05.5'", "2020-01-02 03:04:05.5"),
    ("time '10:11:12'", "10:11:12"),
    ("cast('2020-13-01' as date)", None),
    ("year('nope')", None),
    ("maketime(12, 15, 30)", "12:15:30.000000"),
    ("time_format('100:00:00', '%H %k')", "100 100"),
]

CASTS = [
    ("cast('123abc' as signed)", 123),
    ("cast(-1 as unsigned)", 18446744073709551615),
    ("cast(1.6 as signed)", 2),
    ("cast(1.567 as decimal(5,1))", "1.6"),
    ("cast('2020-1-2' as date)", "2020-01-02"),
    ("cast('10:11' as time)", "10:11:00"),
    ("cast('2020-01-02 03:04:05.6' as datetime)", "2020-01-02 03:04:06"),
    ("cast('2020-01-02 03:04:05.678' as datetime(2))", "2020-01-02 03:04:05.68"),
    ("cast(5 as char)", "5"),
    ("cast('abcdef' as char(3))", "abc"),
    ("cast('a' as binary(3))", b"a\0\0"),
    ("cast(null as signed)", None),
    ("convert('12', unsigned)", 12),
    ("convert('x' using utf8mb4)", "x"),
    ("cast('[1, 2]' as json)", "[1, 2]"),
    ("cast(12.5 as double)", 12.5),
]

JSON = [
    ("json_extract('{\"a\": [1, 2]}', '$.a[1]')", "2"),
    ("json_extract('{\"a\": 1}', '$.b')", None),
    ("json_extract('[1, [2, 3]]', '$[*]')", "[1, [2, 3]]"),
    (
        "json_object('b', 1, 'a', json_array(1, 'x', null, true))",
        '{"a": [1, "x", null, true], "b": 1}',
    ),
    ("json_set('{\"a\": 1}', '$.b', 2)", '{"a": 1, "b": 2}'),
    ("json_remove('{\"a\": 1, \"b\": 2}', '$.a')", '{"b": 2}'),
    ("json_contains('[1, 2]', '2')", 1),
    ("json_contains_path('{\"a\": 1}', 'one', '$.a', '$.x')", 1),
    ("json_unquote('\"a\"')", "a"),
    ("json_type('1.5')", "DOUBLE"),
    ("json_valid('{')", 0),
    ("json_length('[1, 2, 3]')", 3),
    ('json_keys(\'{"b": 1, "a": 2}\')', '["a", "b"]'),
    ('json_merge_patch(\'{"a": 1}\', \'{"a": null, "b": 2}\')', '{"b": 2}'),
    ("json_array_append('[1]', '$', 2)", "[1, 2]"),
    ("json_quote('a\"b')", '"a\\"b"'),
    ("2 member of('[1, 2]')", 1),
]

INFORMATION = [
    ("database()", "test"),
    ("user()", "admin@localhost"),
    ("current_user()", "admin@%"),
    ("version()", "8.0.39"),
    ("charset('a')", "utf8mb4"),
    ("@@autocommit", 1),
    ("@@session.autocommit", 1),
    ("@@innodb_read_only", 0),
    ("@@aurora_server_id", "instance-1"),
    ("@undefined", None),
]


@pytest.fixture(scope="module")
def cases():
    return [
        case
        for table in (ARITHMETIC, COMPARISON, LOGIC, STRINGS, DATES, CASTS, JSON, INFORMATION)
        for case in table
    ]


async def test_expressions(cases):
    session = (await Kit().start()).session()
    wrong = []
    for text, expected in cases:
        try:
            found = (await rows(session, f"SELECT {text}"))[0][0]
        except SqlError as problem:
            found = problem
        if found != expected or type(found) is not type(expected):
            wrong.append((text, expected, found))
    assert not wrong


async def test_the_same_expressions_as_conditions(cases):
    """In WHERE literals become parameters: the answers must not change."""
    session = (await Kit().start()).session()
    wrong = []
    for text, expected in cases:
        if isinstance(expected, bytes | float) or "json" in text:
            continue  # JSON documents equal no string
        wanted = "is null" if expected is None else f"= {_literal(expected)}"
        sql = f"SELECT count(*) FROM (SELECT 1 AS one) AS t WHERE ({text}) {wanted}"
        for _ in range(2):
            try:
                found = (await rows(session, sql))[0][0]
            except SqlError as problem:
                found = problem
            if found != 1:
                wrong.append((sql, found))
    assert not wrong


def _literal(value):
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


ERRORS = [
    ("9223372036854775807 + 1", 1690),
    ("cast(1 as unsigned) - 2", 1690),
    ("exp(1000)", 1690),
    ("nosuch", 1054),
    ("foo(1)", 1305),
    ("concat()", 1582),
    ("left('a')", 1582),
    ("(select 1, 2)", 1241),
    ("(select 1 union select 2)", 1242),
    ("(1, 2) = (1, 2, 3)", 1241),
    ("sum(count(*))", 1111),
    ("'a' regexp '['", 1139),
    ("json_extract('{', '$')", 3141),
    ("json_extract('{}', 'x')", 3143),
    ("date '2020-13-01'", 1525),
    ("@@nosuch", 1193),
    ("'a' collate nosuch", 1273),
    ("now(7)", 1426),
]


async def test_errors():
    session = (await Kit().start()).session()
    wrong = []
    for text, errno in ERRORS:
        try:
            found = await rows(session, f"SELECT {text}")
        except SqlError as problem:
            found = problem.errno
        if found != errno:
            wrong.append((text, errno, found))
    assert not wrong
