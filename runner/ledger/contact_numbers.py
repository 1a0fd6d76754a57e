"""The numbers of a campaign's contacts, for an operator who asks to see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, and_, or_, select

from runner.calls import MAY_BE_DIALLED, PROBLEMS, CallState
from runner.ledger.rows import reading
from runner.ledger.tables import calls

_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNumber:
    """Of one call."""

    key: str
    ref: str
    phone: str
    """E.164."""
    state: CallState


def numbers_to_show(engine: Engine, campaign: str, contact: str | None, now: float) -> Sequence[ShownNumber]:
    """Of one contact (key or ref); for None those of people who need a decision: refused, uncertain, or opted
    out too late. At most a hundred.
    """
    if contact is None:
        opted_out = and_(
            calls.c.state.in_(MAY_BE_DIALLED), calls.c.end_timestamp > now, calls.c.opted_out.is_not(None)
        )
        wanted = or_(calls.c.state.in_(PROBLEMS), opted_out)
    else:
        wanted = or_(calls.c.contact == contact, calls.c.ref == contact)
    query = (
        select(calls.c.contact.label("key"), calls.c.ref, calls.c.phone, calls.c.state)
        .where(calls.c.campaign == campaign, wanted)
        .order_by(calls.c.id.desc())
        .limit(_MOST)
    )
    with reading(engine) as connection:
        return [
            ShownNumber(**{**row, "state": CallState(row["state"])})
            for row in connection.execute(query).mappings()
        ]
