"""The people who may use the private address of `serve`, and what operators change about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from runner.calls import Role
from runner.errors import LedgerError
from runner.ledger.rows import reading
from runner.ledger.tables import actions, sessions, tokens, users


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    role: Role
    password: str
    """An argon2 hash; empty for who cannot sign in by a password."""
    tokens: int
    """How many are in force."""
    added_at: float
    added_by: str


def users_of(engine: Engine) -> Sequence[User]:
    """By name."""
    counted = select(func.count()).where(tokens.c.user == users.c.name).scalar_subquery().label("tokens")
    with reading(engine) as connection:
        rows = connection.execute(select(users, counted).order_by(users.c.name)).mappings()
        return [User(**{**row, "role": Role(row["role"])}) for row in rows]


class UserActs:
    """What one person (`user@host`) changes; all of it is in the history. Times are UTC Unix seconds.

    Each raises LedgerError for a name that does not exist, or exists already.
    """

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine = engine
        self._actor = actor

    def add(self, name: str, role: Role, password: str, now: float) -> None:
        """`password` is a hash."""
        with self._engine.begin() as connection:
            if _knows(connection, name):
                raise LedgerError(
                    f"the user {name} exists already",
                    hint=f"to change it: runner users role {name}, or runner users password {name}",
                )
            connection.execute(
                insert(users).values(
                    name=name, role=role, password=password, added_at=now, added_by=self._actor
                )
            )
            self._record(connection, "user-add", f"{name} as {role}", now)

    def remove(self, name: str, now: float) -> None:
        """With all sessions and tokens."""
        with self._engine.begin() as connection:
            _check_known(connection, name)
            for table in (sessions, tokens):
                connection.execute(delete(table).where(table.c.user == name))
            connection.execute(delete(users).where(users.c.name == name))
            self._record(connection, "user-remove", name, now)

    def set_password(self, name: str, password: str, now: float) -> None:
        """Ends all sessions of the user."""
        with self._engine.begin() as connection:
            _check_known(connection, name)
            connection.execute(update(users).where(users.c.name == name).values(password=password))
            connection.execute(delete(sessions).where(sessions.c.user == name))
            self._record(connection, "user-password", name, now)

    def set_role(self, name: str, role: Role, now: float) -> None:
        with self._engine.begin() as connection:
            _check_known(connection, name)
            connection.execute(update(users).where(users.c.name == name).values(role=role))
            self._record(connection, "user-role", f"{name} as {role}", now)

    def add_token(self, name: str, token: str, now: float) -> None:
        """`token` is a hash."""
        with self._engine.begin() as connection:
            _check_known(connection, name)
            connection.execute(insert(tokens).values(id=token, user=name, added_at=now))
            self._record(connection, "user-token", name, now)

    def revoke_tokens(self, name: str, now: float) -> int:
        """Returns how many there were."""
        with self._engine.begin() as connection:
            _check_known(connection, name)
            revoked = connection.execute(delete(tokens).where(tokens.c.user == name)).rowcount
            if revoked:
                self._record(connection, "user-revoke", f"{name}, {revoked}", now)
            return revoked

    def _record(self, connection: Connection, verb: str, detail: str, now: float) -> None:
        connection.execute(
            insert(actions).values(campaign=None, at=now, actor=self._actor, verb=verb, detail=detail)
        )


def _knows(connection: Connection, name: str) -> bool:
    # Another process that changes the user waits, or has done so.
    found = select(users.c.name).where(users.c.name == name).with_for_update()
    return connection.scalar(found) is not None


def _check_known(connection: Connection, name: str) -> None:
    if not _knows(connection, name):
        known = ", ".join(connection.scalars(select(users.c.name).order_by(users.c.name)))
        raise LedgerError(
            f"unknown user {name}",
            hint=f"known users: {known}" if known else f"add one: runner users add {name} --role viewer",
        )
