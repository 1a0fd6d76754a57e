"""How many rows and entries sources and lists had when a plan was entered last."""

from sqlalchemy import Connection, delete, insert, select

from runner.ledger.tables import source_counts
from runner.planning.guards import Counted, Counts, Field


def counts_of(connection: Connection, campaign: str) -> Counts:
    mine = select(source_counts).where(source_counts.c.campaign == campaign)
    return {
        Counted(Field(row["field"]), row["name"]): row["entries"]
        for row in connection.execute(mine).mappings()
    }


def record_counts(connection: Connection, campaign: str, counts: Counts) -> None:
    """They replace those of the plan before."""
    connection.execute(delete(source_counts).where(source_counts.c.campaign == campaign))
    if counts:
        rows = [
            {"campaign": campaign, "field": field.value, "name": name, "entries": entries}
            for (field, name), entries in counts.items()
        ]
        connection.execute(insert(source_counts), rows)


def record_joined_counts(connection: Connection, campaign: str, counts: Counts) -> None:
    """Where calls join a run, the count of a list never falls, so that many small losses add up."""
    lists = {
        counted: number
        for counted, number in counts_of(connection, campaign).items()
        if counted.field is not Field.SOURCES
    }
    joined = {counted: max(number, lists.get(counted, 0)) for counted, number in counts.items()}
    record_counts(connection, campaign, joined)
