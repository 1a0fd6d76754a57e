"""Sessions, tokens, and who has to wait before the next try to sign in. Any number of `serve` share them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from runner.calls import Role
from runner.ledger.rows import insert_once, reading
from runner.ledger.tables import sessions, sign_in_failures, tokens, users

_MOST_SUBJECTS = 10_000
"""Who tries names or addresses without end does not fill the ledger: the oldest are forgotten."""
_FORGOTTEN_AFTER_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Of a user who signed in. Times are UTC Unix seconds."""

    user: str
    role: Role
    """As it is now."""
    began_at: float
    seen_at: float


def has_users(engine: Engine) -> bool:
    with reading(engine) as connection:
        return connection.scalar(select(users.c.name).limit(1)) is not None


def role_of(engine: Engine, name: str) -> Role | None:
    """None for a name that no user has."""
    with reading(engine) as connection:
        found = connection.scalar(select(users.c.role).where(users.c.name == name))
    return None if found is None else Role(found)


def password_of(engine: Engine, name: str) -> str:
    """The hash; empty for a name that no user has, and for users without a password."""
    with reading(engine) as connection:
        return connection.scalar(select(users.c.password).where(users.c.name == name)) or ""


def user_of_token(engine: Engine, token: str) -> tuple[str, Role] | None:
    """`token` is a hash."""
    query = (
        select(users.c.name, users.c.role)
        .join(tokens, tokens.c.user == users.c.name)
        .where(tokens.c.id == token)
    )
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.name, Role(row.role))


def session_of(engine: Engine, session: str) -> Session | None:
    """`session` is a hash."""
    query = (
        select(sessions.c.user, users.c.role, sessions.c.began_at, sessions.c.seen_at)
        .join(users, sessions.c.user == users.c.name)
        .where(sessions.c.id == session)
    )
    with reading(engine) as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Session(**{**row, "role": Role(row["role"])})


def begin_session(engine: Engine, session: str, name: str, password: str, *, now: float, past: float) -> bool:
    """Whether it began: not where the user was removed, or has another password than this hash, meanwhile.

    Sessions that began before `past` are over, and forgotten.
    """
    with engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.began_at < past))
        is_still = (users.c.name == name) & (users.c.password == password)
        if connection.scalar(select(users.c.name).where(is_still).with_for_update()) is None:
            return False
        connection.execute(insert(sessions).values(id=session, user=name, began_at=now, seen_at=now))
        return True


def see_session(engine: Engine, session: str, now: float) -> None:
    with engine.begin() as connection:
        connection.execute(update(sessions).where(sessions.c.id == session).values(seen_at=now))


def end_session(engine: Engine, session: str) -> None:
    with engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.id == session))


def begin_try(engine: Engine, waits: Mapping[str, Callable[[int], float]], now: float) -> float:
    """Counts a try for each subject before it is made, so that tries at the same moment count too.

    `waits` gives for each subject how many seconds it has to wait after so many failures. Where one has to
    wait longer, nothing is counted, and the seconds that are left are returned; else 0.
    """
    _forget(engine, now)
    with engine.connect() as connection:
        # In one order, so that no two processes wait for each other.
        found = {subject: _failures(connection, subject) for subject in sorted(waits)}
        until: float = max(row["last_at"] + waits[each](row["failures"]) for each, row in found.items())
        if until > now:
            # Nothing is written: further guesses must not keep those who send calls from the ledger.
            return until - now
        for subject, row in found.items():
            values = {"failures": row["failures"] + 1, "last_at": now}
            mine = sign_in_failures.c.subject == subject
            connection.execute(update(sign_in_failures).where(mine).values(**values))
        connection.commit()
    return 0


def note_success(engine: Engine, name: str, address: str) -> None:
    """Of the try that was begun for these subjects. Earlier failures of the name no longer count; those of
    the address do: somebody who has a name could try other names in between.
    """
    subject, failures = sign_in_failures.c.subject, sign_in_failures.c.failures
    with engine.begin() as connection:
        connection.execute(
            update(sign_in_failures).where(subject == address, failures > 0).values(failures=failures - 1)
        )
        connection.execute(delete(sign_in_failures).where(subject == name))


def _failures(connection: Connection, subject: str) -> RowMapping:
    insert_once(connection, sign_in_failures, subject=subject, failures=0, last_at=0)
    mine = select(sign_in_failures).where(sign_in_failures.c.subject == subject).with_for_update()
    return connection.execute(mine).mappings().one()


def _forget(engine: Engine, now: float) -> None:
    last_at = sign_in_failures.c.last_at
    newest = select(last_at).order_by(last_at.desc()).offset(_MOST_SUBJECTS).limit(1)
    with engine.begin() as connection:
        oldest = max(connection.scalar(newest) or 0, now - _FORGOTTEN_AFTER_SECONDS)
        connection.execute(delete(sign_in_failures).where(last_at < oldest))
