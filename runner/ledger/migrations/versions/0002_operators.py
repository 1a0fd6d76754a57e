"""Operators: a campaign may be paused or cancelled, and every act of a person is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "campaigns",
        sa.Column(
            "standing",
            sa.Text(),
            server_default="active",
            nullable=False,
            comment="active, paused or canceled; only an operator changes it.",
        ),
    )
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
        comment="What operators did: pause, resume, cancel, resolve.",
    )
