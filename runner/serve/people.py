"""Who sends a request to the private address, and what they may do."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runner.calls import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Known before any route runs, as `request.state.person`."""

    name: str
    """As the history shows it."""
    role: Role


def person(request: Request) -> Person:
    found: Person = request.state.person
    return found


def operator(request: Request) -> Person:
    """The person, who may act. Raises HTTPException with status 403 for everybody else."""
    found = person(request)
    if found.role is not Role.OPERATOR:
        raise HTTPException(403, f"{found.name} is a viewer; only operators may do this")
    return found
