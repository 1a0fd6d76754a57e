"""The ledger's tables. The rules that must never be broken are constraints of the database here.

All times are UTC Unix seconds. Schema changes go through `migrations/`; a test compares the two.
"""

from itertools import chain
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    event,
    text,
)

from runner.calls import CallState, StateReason

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Reason(TypeDecorator[StateReason]):
    """A StateReason, stored as a text that starts with its code."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: StateReason | None, _dialect: object) -> str | None:
        return None if value is None else value.stored()

    def process_result_value(self, value: str | None, _dialect: object) -> StateReason | None:
        return None if value is None else StateReason.parse(value)


facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="Facts about the ledger itself, such as the privacy key.",
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("name", Text, primary_key=True),
    Column("survey_id", Text, nullable=False),
    Column("instance_id", Text, nullable=False),
    Column("account", Text, nullable=False, comment="Keyed hash of the Insight user name."),
    Column("origin", Text, nullable=False, comment="Where the API is; all loopback origins count as one."),
    Column("bound_at", Float, nullable=False),
    Column(
        "repository",
        JSON,
        nullable=False,
        server_default="{}",
        comment="Keyed hashes that tell the campaign file of the last apply from others of the same name.",
    ),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="active",
        comment="active, paused or canceled. An operator changes it; `serve` may pause it.",
    ),
    comment="A campaign is bound to one account and one API at its first apply.",
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column(
        "pid_space",
        Text,
        nullable=False,
        server_default="",
        comment="Where the pid counts: machine, boot and container; empty where unknown.",
    ),
    Column("git_commit", Text, nullable=False, comment="Of the campaign file; empty outside git."),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ending", Text),
    Column(
        "lease_until",
        Float,
        nullable=False,
        server_default="0",
        comment="Until then the run may be sending, by the database's clock.",
    ),
    Column(
        "inputs",
        Text,
        nullable=False,
        server_default="",
        comment="Fingerprint of the campaign file: runs at the same time must agree on it.",
    ),
    Column(
        "session",
        Integer,
        nullable=False,
        server_default="0",
        comment="The first of the runs that share one plan: they may send each other's calls.",
    ),
    comment="One `apply`: who sends, since when, from which plan.",
)

source_counts = Table(
    "source_counts",
    metadata,
    Column("campaign", Text, ForeignKey("campaigns.name"), primary_key=True),
    Column("field", Text, primary_key=True, comment="sources, suppress or policy."),
    Column("name", Text, primary_key=True, comment="As the campaign file names it."),
    Column("entries", Integer, nullable=False),
    comment="How many rows and entries sources and lists had when a plan was entered last.",
)

# SQLite makes a table of the words of an IN (...) for each row: a third of the time of an insert.
_IS_KNOWN_STATE = " OR ".join(f"state = '{state}'" for state in CallState)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False),
    Column("contact", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("phone", Text, nullable=False, comment="E.164"),
    Column("round", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Reason, nullable=False, server_default="", comment="Why it is in this state: a code."),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False, comment="The run whose plan holds it."),
    Column("fence", Integer, nullable=False, server_default="0", comment="Grows with every claim."),
    Column("queue_at", Integer, nullable=False),
    Column("start_timestamp", Integer, nullable=False),
    Column("end_timestamp", Integer, nullable=False),
    Column("earliest", Integer),
    Column("latest", Integer),
    Column("timezones", JSON, nullable=False),
    Column("home", Text, nullable=False, comment="The contact's own zones, where `timezones` are others."),
    Column("states", Text, nullable=False, comment="In which it may be; empty where no rule asks."),
    Column("phone_number", Text, nullable=False, comment="The dial string, as sent."),
    Column("max_attempts", Integer, nullable=False),
    Column("reattempt_wait", Integer),
    Column("metadata", JSON, nullable=False),
    Column("result_url", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("call_id", Text),
    Column("link", Text),
    Column("updated_at", Float, nullable=False),
    Column("pushed_at", Float, comment="When its record was to be pushed; null if it provably was not."),
    Column("opted_out", Text, comment="Why nobody is to call them any more, found after the call was sent."),
    Column("ask_at", Integer, comment="When to ask Insight for the result next; null for never."),
    CheckConstraint(_IS_KNOWN_STATE, name="known_state"),
    CheckConstraint("start_timestamp < end_timestamp", name="dials_before_it_ends"),
)

LIVE = text(f"state <> '{CallState.SKIPPED}'")
"""As the indexes say it: written otherwise, SQLite would not know them again."""


_WHERE = "where"


def _index_where(condition: TextClause, name: str, *columns: Column[Any], unique: bool = True) -> None:
    """Of the rows that meet the condition."""
    Index(name, *columns, unique=unique, info={_WHERE: condition})


@event.listens_for(metadata, "before_create")
def _add_conditions(_: MetaData, connection: Connection, **__: object) -> None:
    """Only here: the argument of an index for one kind of database loads all of its dialect, which takes
    longer than most commands do.
    """
    for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
        if _WHERE in index.info:
            index.dialect_kwargs[f"{connection.dialect.name}_where"] = index.info[_WHERE]


_index_where(LIVE, "uq_calls_contact", calls.c.campaign, calls.c.contact, calls.c.round)
_index_where(LIVE, "uq_calls_phone", calls.c.phone, calls.c.campaign, calls.c.round)
# Skipped calls are found again by contact, too: they are planned again rather than inserted again.
Index("ix_calls_contact", calls.c.campaign, calls.c.contact)
# With the id, so that of many calls that are due at once the next are found without looking at all; and with
# the round, so that the calls of a campaign are counted without looking at each of them.
Index(
    "ix_calls_due",
    calls.c.campaign,
    calls.c.state,
    calls.c.queue_at,
    calls.c.start_timestamp,
    calls.c.id,
    calls.c.round,
)
_index_where(text("call_id IS NOT NULL"), "uq_calls_call_id", calls.c.account, calls.c.call_id)

_index_where(
    text("ask_at IS NOT NULL"),
    "ix_calls_ask",
    calls.c.campaign,
    calls.c.ask_at,
    calls.c.end_timestamp,
    unique=False,
)
IS_LATER = text("round > 1")
# By the index of what is due, the calls of all rounds are counted together; this tells the rounds apart.
_index_where(IS_LATER, "ix_calls_later", calls.c.campaign, calls.c.state, calls.c.round, unique=False)
_index_where(text("opted_out IS NOT NULL"), "ix_calls_opted_out", calls.c.campaign, unique=False)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call", Integer, ForeignKey("calls.id"), nullable=False),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("intended_at", Float, nullable=False, comment="Committed before the first byte leaves."),
    Column("finished_at", Float),
    Column("outcome", Text),
    Column("http_status", Integer),
    Column("reason", Reason, comment="Why it ended so: a code, with what the wire or Insight said."),
    Column("acknowledged_at", Float, comment="When an operator had seen how it ended; null before."),
    comment="One POST, or the intent of one.",
)
_index_where(text("finished_at IS NULL"), "uq_attempts_live", attempts.c.call)
IS_PROBLEM = text(f"outcome IN ('{CallState.REFUSED}', '{CallState.UNCERTAIN}')")
# All attempts have none: it would cost more than it helps.
_index_where(IS_PROBLEM, "ix_attempts_problem", attempts.c.call, unique=False)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call", Integer, ForeignKey("calls.id"), nullable=False, index=True),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("before", Text, comment="Null for the first."),
    Column("after", Text, nullable=False),
    Column("reason", Reason, nullable=False),
    Column(
        "actor",
        Text,
        nullable=False,
        server_default="",
        comment="user@host when a person did it; empty when the run did.",
    ),
    comment="Every change of every call's state, for people who ask what happened.",
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, comment="Null for all; the ledger may not know it yet."),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False, comment="user@host"),
    Column("verb", Text, nullable=False),
    Column("detail", Text, nullable=False),
    comment="What operators did: pause, resume, cancel, resolve, retry, suppress …; `serve` may stop.",
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, nullable=False, comment="The ledger may not know it yet."),
    Column("content", Text, nullable=False, comment="A hash of the campaign file with what it extends."),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False, comment="user@host, or the name of a person who signed in."),
    comment="What people approved for `serve`. The newest of a campaign counts.",
)
Index("ix_approvals_campaign", approvals.c.campaign, approvals.c.id)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, nullable=False, comment="The ledger may not know it yet."),
    Column("connection_name", Text, nullable=False, comment="Of the campaign file."),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="What it is about: the same is reported once."),
    Column("at", Float, nullable=False),
    Column("body", JSON, nullable=False, comment="What is posted. Nothing about a person."),
    Column("over_at", Float, comment="From then on the same is reported again when it happens again."),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("not_before", Float, nullable=False, server_default="0", comment="When it may be posted next."),
    Column("sent_at", Float),
    Column("given_up_at", Float),
    comment="What `serve` reports to people, before and after it is posted.",
)
_index_where(
    text("over_at IS NULL"),
    "uq_notifications_lasting",
    notifications.c.campaign,
    notifications.c.connection_name,
    notifications.c.event,
    notifications.c.subject,
)
_index_where(
    text("sent_at IS NULL AND given_up_at IS NULL"),
    "ix_notifications_unsent",
    notifications.c.campaign,
    notifications.c.connection_name,
    unique=False,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, comment="Null for all; the ledger may not know it yet."),
    Column("phone", Text, nullable=False, comment="E.164; empty for a key."),
    Column("key", Text, nullable=False, comment="As it was given; empty for a number."),
    Column("until", Float, comment="From then on it no longer counts; null for never."),
    Column("reason", Text, nullable=False, server_default=""),
    Column("added_at", Float, nullable=False),
    Column("added_by", Text, nullable=False, comment="user@host"),
    Column("removed_at", Float, comment="Null while it counts."),
    Column("removed_by", Text),
    CheckConstraint("(phone = '') <> (key = '')", name="number_or_key"),
    comment="Who is not called, by `runner suppress`. The fact suppression_revision grows with each change.",
)

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, nullable=False, comment="The ledger may not know it yet."),
    Column("contact", Text, nullable=False, comment="Its key; the number where the file gives none."),
    Column("ref", Text, nullable=False),
    Column("phone", Text, nullable=False, comment="E.164; empty where the file gives none."),
    Column("call_id", Text),
    Column("queued_at", Integer),
    Column("start_timestamp", Integer),
    Column("end_timestamp", Integer),
    Column("imported_at", Float, nullable=False),
    Column("imported_by", Text, nullable=False, comment="user@host"),
    comment="Contacts that another tool queued: this campaign never calls them.",
)
Index("uq_imports_contact", imports.c.campaign, imports.c.contact, unique=True)

results = Table(
    "results",
    metadata,
    Column("call", Integer, ForeignKey("calls.id"), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False),
    Column("status", Text, nullable=False, comment="As the call's state, or unknown: the call stays queued."),
    Column("source", Text, nullable=False, comment="callback, asked, report, operator or gave_up."),
    Column("learned_at", Float, nullable=False),
    Column("attempts", Integer, comment="Dials, as Insight counts them."),
    Column("first_dial", Integer),
    Column("last_attempt_timestamp", Integer),
    Column("ended_at", Integer, comment="The last thing that happened to the call."),
    Column("events", JSON, nullable=False, server_default="[]"),
    comment="How a call ended, and how that was learned.",
)
Index("ix_results_learned", results.c.campaign, results.c.learned_at)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call", Integer, ForeignKey("calls.id"), nullable=False, index=True),
    Column("fence", Integer, nullable=False, comment="The attempt that it is about."),
    Column("received_at", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("verdict", Text, nullable=False, comment="What became of it."),
    Column("status", Text, comment="How it says that the call ended; null where it does not say."),
    Column("details", JSON(none_as_null=True), comment="While it is held: what is to be recorded."),
    Column("excerpt", Text, nullable=False, server_default="", comment="The beginning of what came."),
    comment="What was said of calls and was not simply applied, for people; a few rows for each call.",
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True, comment="In lower case."),
    Column("role", Text, nullable=False, comment="viewer or operator."),
    Column("password", Text, nullable=False, comment="An argon2 hash; empty for who cannot sign in by one."),
    Column("added_at", Float, nullable=False),
    Column("added_by", Text, nullable=False, comment="user@host"),
    comment="Who may use the private address of `serve`.",
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True, comment="A hash of what the browser sends."),
    Column("user", Text, ForeignKey("users.name"), nullable=False, index=True),
    Column("began_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False, comment="Of the newest request, to a minute."),
    comment="Who signed in.",
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True, comment="A hash of the token."),
    Column("user", Text, ForeignKey("users.name"), nullable=False, index=True),
    Column("added_at", Float, nullable=False),
    comment="With which programs use the API as a user.",
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("subject", Text, primary_key=True, comment="A keyed hash of a name or address."),
    Column("failures", Integer, nullable=False, comment="In a row, with tries that are being checked."),
    Column("last_at", Float, nullable=False, index=True),
    comment="Who has to wait before the next try to sign in.",
)
