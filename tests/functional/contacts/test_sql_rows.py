"""Queries on a real PostgreSQL and on SQLite."""

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from runner.campaign.source_models import SqlSource
from runner.contacts.sources import sql
from runner.contacts.sources.context import Connection, ReadContext
from runner.contacts.sources.file import SourceFolder
from runner.errors import SourceContentError, SourceError

TABLE = "CREATE TABLE visits (id INTEGER, phone TEXT, visited DATE, score REAL)"
ROWS = [
    (1, "617 555 0101", "2026-12-01", 2.0),
    (2, "617 555 0102", "2026-12-02", None),
    (3, "Zoë : 50%", "2026-12-02", 2.5),
]
INSERT = "INSERT INTO visits VALUES ({0}, {0}, {0}, {0})"


@pytest.fixture
def sqlite_url(tmp_path):
    path = tmp_path / "a b?.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(TABLE)
        database.executemany(INSERT.format("?"), ROWS)
    return f"sqlite:///{str(path).replace('?', '%3F')}"


@pytest.fixture
def postgres_url(postgres):
    url = postgres.new_database()
    with psycopg.connect(_conninfo(url)) as database, database.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.executemany(INSERT.format("%s"), ROWS)
    return url


def _conninfo(url):
    parsed = make_url(url)
    return f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request):
    return request.getfixturevalue(request.param)


def source(url, query, used=None, constants=None, **parameters):
    declared = SqlSource(type="sql", connection="warehouse", query=query, parameters=parameters)
    return sql.SqlTable(
        declared,
        ReadContext(
            folder=SourceFolder(Path(__file__)),
            used=used,
            connections=lambda name: Connection(name, url, ""),
            constants=constants or {},
        ),
    )


def read(url, query, **options):
    return [(row.line, dict(row.values)) for row in source(url, query, **options).rows()]


def test_rows_are_read_as_a_csv_export_would_have_them(url):
    rows = read(url, "SELECT id, phone, visited, score FROM visits ORDER BY id")
    assert rows == [
        (1, {"id": "1", "phone": "617 555 0101", "visited": "2026-12-01", "score": "2"}),
        (2, {"id": "2", "phone": "617 555 0102", "visited": "2026-12-02", "score": ""}),
        (3, {"id": "3", "phone": "Zoë : 50%", "visited": "2026-12-02", "score": "2.5"}),
    ]


def test_parameters_are_bound_and_never_part_of_the_query(url):
    query = (
        "SELECT id FROM visits WHERE visited = :day AND phone <> :phone AND id < :most AND phone LIKE '%5%'"
    )
    hostile = "'; DROP TABLE visits; --"
    found = read(
        url,
        query,
        constants={"day": "2026-12-02"},
        day="{{ vars.day }}",
        phone=hostile,
        most=3,
    )
    assert found == [(1, {"id": "2"})]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM visits",
        "DROP TABLE visits",
        "SELECT 1; DROP TABLE visits",
        "SELECT 1; COMMIT; DROP TABLE visits",
        "SELECT 1) TO '/tmp/x'; DROP TABLE visits; --",
        "INSERT INTO visits VALUES (4, 'x', NULL, 1) RETURNING id",
        "WITH gone AS (DELETE FROM visits RETURNING id) SELECT id FROM gone",
        "ATTACH 'other.sqlite3' AS other",
        "PRAGMA query_only = OFF",
        "SET TRANSACTION READ WRITE",
        "VACUUM",
    ],
)
def test_a_query_that_changes_anything_is_an_error_and_changes_nothing(url, query):
    with pytest.raises(SourceError) as raised:
        read(url, query)
    is_syntax_to_sqlite = url.startswith("sqlite") and "syntax error" in raised.value.message
    assert (
        is_syntax_to_sqlite or "only one SELECT is allowed; the connection is read-only" in raised.value.hint
    )
    assert len(read(url, "SELECT id FROM visits")) == 3


def test_a_wrong_query_is_explained_without_the_content_of_rows(url):
    with pytest.raises(SourceError, match=r"the query is invalid: .*visit_id") as raised:
        read(url, "SELECT visit_id FROM visits")
    assert raised.value.hint.startswith("check the query, the names in it")


def test_a_syntax_error_asks_to_check_the_query(url):
    with pytest.raises(SourceError, match=r"the query is invalid: .*SELEC") as raised:
        read(url, "SELEC id FROM visits")
    assert raised.value.hint.startswith("check the query")


def test_an_error_over_a_row_does_not_quote_the_row(postgres_url):
    with pytest.raises(SourceError, match=r"failed meanwhile \(error 22P02\)") as raised:
        read(postgres_url, "SELECT CAST(phone AS integer) AS number FROM visits")
    assert "617" not in raised.value.message


def test_columns_of_the_same_name_are_an_error_when_the_campaign_reads_them(url):
    query = "SELECT id, phone AS id FROM visits"
    with pytest.raises(SourceContentError, match="columns 1 and 2 have the same name"):
        read(url, query, used=frozenset({"id"}))
    assert read(url, query, used=frozenset())[0] == (1, {})


@pytest.mark.parametrize("value", ["ARRAY[1]", "'{\"a\": 1}'::jsonb", "'x'::bytea"])
def test_a_value_that_is_not_single_is_an_error_that_names_the_column(postgres_url, value):
    query = f"SELECT {value} AS tags, 1 AS id"
    with pytest.raises(SourceContentError, match=r"^sql:warehouse:1: the value of 'tags' is"):
        read(postgres_url, query)
    assert read(postgres_url, query, used=frozenset({"id"})) == [(1, {"tags": "", "id": "1"})]


def test_types_of_postgresql_are_written_as_text(postgres_url):
    query = (
        "SELECT 2.50::numeric AS amount, true AS yes, timestamp '2026-12-01 09:05' AS at, "
        "12345678901234567::bigint AS big, '00000000-0000-0000-0000-000000000001'::uuid AS uuid, "
        "'a'::char(3) AS c"
    )
    (row,) = read(postgres_url, query)
    assert row[1] == {
        "amount": "2.50",
        "yes": "true",
        "at": "2026-12-01T09:05:00",
        "big": "12345678901234567",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "c": "a  ",
    }


def test_a_slow_query_is_stopped(postgres_url, sqlite_url, monkeypatch):
    monkeypatch.setattr(sql, "STATEMENT_SECONDS", 0.2)
    with pytest.raises(SourceError, match="the query takes longer than"):
        read(postgres_url, "SELECT pg_sleep(60)")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(SourceError, match="the query takes longer than"):
        read(sqlite_url, endless)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/warehouse",
        "sqlite:////nowhere/s3cret.sqlite3",
        "mysql://ann:s3cret@db/warehouse",
        "ann:s3cret",
    ],
)
def test_a_database_that_cannot_be_reached_is_an_error_without_the_address(url):
    with pytest.raises(SourceError) as raised:
        read(url, "SELECT 1 AS id")
    assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"
    assert "RUNNER_CONNECTION_WAREHOUSE" in f"{raised.value.message} {raised.value.hint}"


def test_a_missing_sqlite_file_is_an_error_that_names_its_setting(tmp_path):
    with pytest.raises(SourceError, match="RUNNER_CONNECTION_WAREHOUSE: there is no such file") as raised:
        read(f"sqlite:///{tmp_path}/s3cret.sqlite3", "SELECT 1 AS id")
    assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"


def test_a_parameter_of_the_address_that_ends_transactions_is_refused(postgres_url):
    with pytest.raises(SourceError, match="did not begin a read-only transaction"):
        read(f"{postgres_url}&autocommit=1", "SELECT 1 AS id")


def test_rows_are_not_held_in_memory(url):
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT i FROM n"
    )
    tracemalloc.start()
    try:
        assert sum(1 for _ in source(url, numbers).rows()) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_the_first_rows_come_before_the_last_are_computed(postgres_url):
    """What the driver itself holds is not among the memory that Python knows of."""
    fails_in_the_last = "SELECT 1 / (60000 - i) AS id FROM generate_series(1, 60000) AS i"
    with closing(source(postgres_url, fails_in_the_last).rows()) as rows:
        assert next(rows).values["id"] == "0"


def test_the_digest_follows_from_the_rows(url):
    reading = source(url, "SELECT id FROM visits ORDER BY id")
    before = reading.digest()
    assert reading.read_at is not None
    assert source(url, "SELECT id FROM visits ORDER BY id").digest() == before
    assert source(url, "SELECT id FROM visits ORDER BY id DESC").digest() != before


def test_an_sqlite_database_is_left_as_it_is(sqlite_url, tmp_path):
    before = sorted(tmp_path.iterdir())
    read(sqlite_url, "SELECT id FROM visits")
    assert sorted(tmp_path.iterdir()) == before
