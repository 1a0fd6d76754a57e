"""Bodies of requests to the private address: read once, within limits, before any route runs."""

import asyncio
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

FORM = "application/x-www-form-urlencoded"
CSRF_FIELD = "csrf"
MOST_BYTES = 64 * 1024
_MOST_FIELDS = 200
_BODY_SECONDS = 20
"""Within which a body must have come."""


async def read_body(request: Request) -> bytes:
    """Raises HTTPException for a body that is too long, too slow or breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, f"the request is longer than {MOST_BYTES // 1024} KiB")
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, f"the request did not arrive within {_BODY_SECONDS} s") from None
    return bytes(body)


async def read(request: Request) -> dict[str, str]:
    """The fields of a form that was sent. Raises HTTPException with status 400 for anything else."""
    return fields(request, await request.body())


def fields(request: Request, body: bytes) -> dict[str, str]:
    """Raises HTTPException with status 400 where a field is given twice: readers might each take another."""
    if media_type(request) != FORM:
        raise HTTPException(415, "the request is not a form")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None
    if len(dict(pairs)) != len(pairs):
        raise HTTPException(400, "the form has a field twice")
    return dict(pairs)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
