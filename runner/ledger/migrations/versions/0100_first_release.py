"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False, comment="Keyed hash of the Insight user name."),
        sa.Column(
            "origin",
            sa.Text(),
            nullable=False,
            comment="Where the API is; all loopback origins count as one.",
        ),
        sa.Column("bound_at", sa.Float(), nullable=False),
        sa.Column(
            "repository",
            sa.JSON(),
            server_default="{}",
            nullable=False,
            comment="Keyed hashes that tell the campaign file of the last apply from others of the same name.",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="active",
            nullable=False,
            comment="active, paused or canceled; only an operator changes it.",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_campaigns")),
        comment="A campaign is bound to one account and one API at its first apply.",
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
        comment="Facts about the ledger itself, such as the privacy key.",
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column(
            "git_commit", sa.Text(), nullable=False, comment="Of the campaign file; empty outside git."
        ),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column(
            "lease_until",
            sa.Float(),
            server_default="0",
            nullable=False,
            comment="Until then the run may be sending, by the database's clock.",
        ),
        sa.Column(
            "inputs",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Fingerprint of the campaign file: runs at the same time must agree on it.",
        ),
        sa.Column(
            "session",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="The first of the runs that share one plan: they may send each other's calls.",
        ),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"], name=op.f("fk_runs_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        comment="One `apply`: who sends, since when, from which plan.",
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why it is in this state: a code.",
        ),
        sa.Column("run", sa.Integer(), nullable=False, comment="The run whose plan holds it."),
        sa.Column(
            "fence", sa.Integer(), server_default="0", nullable=False, comment="Grows with every claim."
        ),
        sa.Column("queue_at", sa.Integer(), nullable=False),
        sa.Column("start_timestamp", sa.Integer(), nullable=False),
        sa.Column("end_timestamp", sa.Integer(), nullable=False),
        sa.Column("earliest", sa.Integer(), nullable=True),
        sa.Column("latest", sa.Integer(), nullable=True),
        sa.Column("timezones", sa.JSON(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False, comment="The dial string, as sent."),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("reattempt_wait", sa.Integer(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("result_url", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column(
            "opted_out",
            sa.Text(),
            nullable=True,
            comment="Why nobody is to call them any more, found after the call was sent.",
        ),
        sa.CheckConstraint(
            "state = 'planned' OR state = 'sending' OR state = 'queued' OR state = 'refused' OR state = 'uncertain' OR state = 'skipped' OR state = 'completed' OR state = 'failed' OR state = 'canceled' OR state = 'rejected' OR state = 'abandoned'",
            name=op.f("ck_calls_known_state"),
        ),
        sa.CheckConstraint("start_timestamp < end_timestamp", name=op.f("ck_calls_dials_before_it_ends")),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"], name=op.f("fk_calls_campaign")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_calls_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("ix_calls_contact", ["campaign", "contact"], unique=False)
        batch_op.create_index(
            "ix_calls_due", ["campaign", "state", "queue_at", "start_timestamp"], unique=False
        )
        batch_op.create_index(
            "uq_calls_call_id",
            ["account", "call_id"],
            unique=True,
            sqlite_where=sa.text("call_id IS NOT NULL"),
            postgresql_where=sa.text("call_id IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_calls_contact",
            ["campaign", "contact", "round"],
            unique=True,
            sqlite_where=sa.text("state <> 'skipped'"),
            postgresql_where=sa.text("state <> 'skipped'"),
        )
        batch_op.create_index(
            "uq_calls_phone",
            ["campaign", "phone", "round"],
            unique=True,
            sqlite_where=sa.text("state <> 'skipped'"),
            postgresql_where=sa.text("state <> 'skipped'"),
        )

    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column(
            "intended_at", sa.Float(), nullable=False, comment="Committed before the first byte leaves."
        ),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="Why it ended so: a code, with what the wire or Insight said.",
        ),
        sa.Column(
            "acknowledged_at",
            sa.Float(),
            nullable=True,
            comment="When an operator had seen how it ended; null before.",
        ),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_attempts_call")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_attempts_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        comment="One POST, or the intent of one.",
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(
            "uq_attempts_live",
            ["call"],
            unique=True,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )

    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True, comment="Null for the first."),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "actor",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="user@host when a person did it; empty when the run did.",
        ),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_transitions_call")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_transitions_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transitions")),
        comment="Every change of every call's state, for people who ask what happened.",
    )
    with op.batch_alter_table("transitions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transitions_call"), ["call"], unique=False)

    op.create_table(
        "actions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="user@host"),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"], name=op.f("fk_actions_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
        comment="What operators did: pause, resume, cancel, resolve, retry, acknowledge.",
    )
