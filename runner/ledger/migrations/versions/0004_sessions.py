"""Sessions: runs that share one plan may send each other's calls, and no other run's."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "session",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="The first of the runs that share one plan: they may send each other's calls.",
        ),
    )
