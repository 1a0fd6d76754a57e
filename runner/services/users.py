"""What operators do to the people who may use the private address of `serve`."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from runner.calls import Role
from runner.errors import UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.users import User, UserActs, users_of
from runner.services.operators import guarded_ledger
from runner.services.passwords import check_strong, new_token, password_hash, secret_hash
from runner.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class UserDesk:
    """The users of one ledger, and the person who changes them. Names are as `user_name` gives them."""

    ledger: Ledger
    acts: UserActs

    def add(self, name: str, role: Role, password: str | None) -> None:
        """Without a password the user signs in at a proxy, or uses tokens. Raises RunnerError."""
        self.acts.add(name, role, "" if password is None else _checked(password, name), time.time())

    def remove(self, name: str) -> None:
        self.acts.remove(name, time.time())

    def set_password(self, name: str, password: str) -> None:
        self.acts.set_password(name, _checked(password, name), time.time())

    def set_role(self, name: str, role: Role) -> None:
        self.acts.set_role(name, role, time.time())

    def add_token(self, name: str) -> str:
        """The token, which is not kept."""
        token = new_token()
        self.acts.add_token(name, secret_hash(token), time.time())
        return token

    def revoke_tokens(self, name: str) -> int:
        return self.acts.revoke_tokens(name, time.time())

    def users(self) -> Sequence[User]:
        return users_of(self.ledger.engine)


@contextmanager
def open_users(actor: str, settings: Settings) -> Iterator[UserDesk]:
    """Raises RunnerError as `guarded_ledger` does."""
    with guarded_ledger(settings) as ledger:
        yield UserDesk(ledger, UserActs(ledger.engine, actor))


def user_name(given: str) -> str:
    """In lower case, in which people and proxies may write it as they like. Raises UsageError."""
    name = given.strip().lower()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"invalid user name {given!r}",
            hint="use at most 64 letters, digits and . _ @ + -, such as ana or ana@example.org",
        )
    return name


def _checked(password: str, name: str) -> str:
    check_strong(password, name)
    return password_hash(password)
