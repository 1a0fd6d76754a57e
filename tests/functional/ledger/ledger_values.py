"""Runs of a ledger without a dispatcher, and ways to look into it past its own code."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from planned_calls import BINDING, CAMPAIGN, NOW, plan
from sqlalchemy import NullPool, create_engine, text

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger import migrations
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.ledger import RunProcess

THIS = RunProcess(host="here", pid=4711)
QUEUED = AttemptResult(
    state=CallState.QUEUED, http_status=200, call_id="155761", link="https://insight.example/155761"
)
REFUSED = AttemptResult(
    state=CallState.REFUSED, http_status=400, reason=StateReason.of(ReasonCode.REFUSED, error="bad number")
)
UNCERTAIN = AttemptResult(
    state=CallState.UNCERTAIN,
    http_status=500,
    reason=StateReason.of(ReasonCode.UNCERTAIN, problem="Insight answered 500"),
)
NOT_SENT = AttemptResult(
    state=CallState.PLANNED,
    reason=StateReason.of(ReasonCode.NOT_SENT, problem="the connection could not be made"),
)


def new_slots(queue, slots, *, start_before=NOW - 60, now=NOW):
    """What was late and which starts were taken, when these slots were given in order, None for no slot."""
    seen = []

    def reschedule(late, taken, _now):
        seen.append((late, taken))
        return dict(zip([call.id for call in late], slots, strict=False))

    queue.reschedule_late(start_before, now, 100, reschedule)
    return seen[0] if seen else ([], [])


def migrated(url, revision):
    """The tables as the release of that revision made them; a connection to fill them with."""
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        Path(engine.url.database).parent.mkdir()
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    connection = engine.connect()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    return connection


def let_leases_lapse(ledger):
    """As when every run before stopped renewing a while ago."""
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET lease_until = 0"))


def begin(ledger, *calls, withdrawals=(), now=NOW, limited=False):
    """A run of this plan after any before it, and the queue of its calls."""
    let_leases_lapse(ledger)
    made = plan(*calls, withdrawals=withdrawals, revision=ledger.history(CAMPAIGN).revision)
    run = ledger.begin_run(BINDING, made, THIS, now)
    return run, CallQueue(ledger.engine, CAMPAIGN, run, only_own=limited)


def claim_all(queue, now=NOW, most=100):
    return queue.claim_due(now, most, now - 60).claims


def rows(ledger, query, **values):
    """What another process would read now: only what is committed."""
    other = create_engine(ledger.engine.url, poolclass=NullPool)
    with other.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def states(ledger):
    return {row["contact"]: row["state"] for row in rows(ledger, "SELECT contact, state FROM calls")}


def trail(ledger, contact):
    found = rows(
        ledger,
        "SELECT before, after FROM transitions JOIN calls ON calls.id = call WHERE contact = :contact "
        "ORDER BY transitions.id",
        contact=contact,
    )
    return [(row["before"], row["after"]) for row in found]
