"""JSON as programs send it, read strictly."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

_MOST_NESTED = "the request is nested too deeply"


def read(body: bytes, form: TypeAdapter[Any]) -> dict[str, Any]:
    """What the body holds. Raises HTTPException with status 400, which says where it does not fit."""
    try:
        given = json.loads(body or b"{}", object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise HTTPException(400, _MOST_NESTED) from None
    except ValueError as error:
        raise HTTPException(400, f"the request is not valid JSON: {error}") from None
    return checked(given, form)


def checked(given: object, form: TypeAdapter[Any]) -> dict[str, Any]:
    """Raises HTTPException with status 400, which says where it does not fit."""
    try:
        found: dict[str, Any] = form.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise HTTPException(400, f"{place or 'the request'}: {first['msg'].lower()}") from None
    if not all(value.isprintable() for value in found.values() if isinstance(value, str)):
        raise HTTPException(400, "the request contains invisible characters; remove them")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Readers would differ in which of two values they take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")
