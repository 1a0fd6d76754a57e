"""Leases: several runs may share a campaign, and the trail names the person or process that acted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "lease_until",
            sa.Float(),
            server_default="0",
            nullable=False,
            comment="Until then the run may be sending, by the database's clock.",
        ),
    )
    op.add_column(
        "runs",
        sa.Column(
            "campaign_digest",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Hash of the campaign as it was read: runs at the same time must agree on it.",
        ),
    )
    op.add_column(
        "transitions",
        sa.Column(
            "actor",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="user@host when a person did it; empty when the run did.",
        ),
    )
