"""From rows of the ledger to values of the plan."""

from sqlalchemy import RowMapping

from runner.planning.plan import CallRequest


def call_request(row: RowMapping) -> CallRequest:
    """What Insight is asked to do for the call in this row of `calls`."""
    return CallRequest(
        phone_number=row["phone_number"],
        max_attempts=row["max_attempts"],
        reattempt_wait=row["reattempt_wait"],
        metadata=row["metadata"],
        result_url=row["result_url"],
    )
