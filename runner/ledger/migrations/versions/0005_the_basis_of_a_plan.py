"""The basis of a plan: an apply that would make the same plan again goes on with the one that is held."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "basis",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Keyed hash of all that the plan was made from; empty where nobody may go on with it.",
        ),
    )
    op.add_column(
        "runs",
        sa.Column(
            "basis_until",
            sa.Float(),
            nullable=True,
            comment="From then on the same basis makes another plan; null for never.",
        ),
    )
