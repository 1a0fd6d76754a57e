"""The same contacts from a CSV file, a Parquet file and a table of PostgreSQL: what planning them takes."""

import csv
import os

import many_contacts
import psycopg
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from sqlalchemy import make_url
from table import row
from test_planning import AS_OF, CAMPAIGN, MANY, ON_A_LIST, RUNNER, cost

SOURCES = {
    "csv": "{type: csv, path: contacts.csv}",
    "parquet": "{type: parquet, path: contacts.parquet}",
    "sql": '{type: sql, connection: warehouse, query: "SELECT * FROM contacts ORDER BY id"}',
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory, postgres):
    folder = tmp_path_factory.mktemp("sources")
    many_contacts.write_contacts(folder / "contacts.csv", MANY)
    many_contacts.write_suppressed(folder / "suppressed.csv", MANY // ON_A_LIST, MANY)
    parquet.write_table(arrow_csv.read_csv(folder / "contacts.csv"), folder / "contacts.parquet")
    warehouse = postgres.new_database()
    fill(warehouse, folder / "contacts.csv")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_LEDGER_URL": f"sqlite:///{folder}/ledger.sqlite3",
        "RUNNER_CONNECTION_WAREHOUSE": warehouse,
    }
    found = {}
    for name, source in SOURCES.items():
        (folder / "campaign.yaml").write_text(CAMPAIGN.replace(SOURCES["csv"], source))
        found[name] = cost([RUNNER, "plan", "campaign.yaml", "--as-of", AS_OF], folder, environment)
        assert f"{MANY:,} rows" in (folder / "output.txt").read_text()
    return found


def fill(url, contacts):
    parsed = make_url(url)
    conninfo = f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"
    with (
        psycopg.connect(conninfo) as database,
        database.cursor() as cursor,
        contacts.open(newline="") as file,
    ):
        rows = csv.reader(file)
        columns = ", ".join(f"{name} text" for name in next(rows))
        cursor.execute(f"CREATE TABLE contacts ({columns}, PRIMARY KEY (id))")
        with cursor.copy("COPY contacts FROM STDIN") as copy:
            for each in rows:
                copy.write_row(each)


@pytest.mark.parametrize("name", ["parquet", "sql"])
def test_planning_takes_hardly_longer_than_from_csv(measured, name):
    ratio = measured[name].seconds / measured["csv"].seconds
    row(
        f"plan: a million contacts from {name}, to the same from CSV",
        f"{ratio:.2f} ({measured[name].seconds:.0f} s to {measured['csv'].seconds:.0f} s)",
        "at most 1.2",
        ratio <= 1.2,
    )
    assert ratio <= 1.2


@pytest.mark.parametrize("name", ["parquet", "sql"])
def test_memory_is_hardly_more_than_from_csv(measured, name):
    ratio = measured[name].mebibytes / measured["csv"].mebibytes
    row(
        f"peak memory: a million contacts from {name}, to the same from CSV",
        f"{ratio:.2f} ({measured[name].mebibytes:.0f} MiB to {measured['csv'].mebibytes:.0f} MiB)",
        "at most 1.5",
        ratio <= 1.5,
    )
    assert ratio <= 1.5
