"""The tables of the first release.

Until it is out they are those of `runner.ledger.tables`. The release that changes them first writes them down
here as they were: by then they exist in every ledger, and this only serves tests and new revisions.
"""

from alembic import op

from runner.ledger.tables import metadata

revision = "0100"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
