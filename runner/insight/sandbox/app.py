"""The sandbox's addresses and what each answers.

Below `/api`, as Insight documents them: `POST surveys/{survey}/{instance}/queue`, `GET outbound/{call_id}`,
`DELETE surveys/{survey}/{instance}/cancel`, `GET surveys/{survey}/{instance}/responses`,
`POST metadatabase_push`.

For tests and curious people:

- `GET /_sandbox/calls`: a list of every accepted call in order, with each field of the form as it came
  (`metadata` an object), and what becomes of it: `status` (the final one), `ends_at`, `dialled_at` and
  `dials` (what each dial meets), `delivery` of its callback, and `callbacks`, each POST so far with its
  `answer`. All times are UTC Unix seconds;
- `GET /_sandbox/records`: a list of every pushed record in order, with its `metadatabase`, the `record` as an
  object, and when it was `received_at`;
- `GET /_sandbox/requests`: `{"statuses": […]}`, one for each queue request, 0 where it was left unanswered;
- `POST /_sandbox/faults` with `{"faults": ["500*3"]}` sets faults, `DELETE` clears them.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import formatdate
from typing import Any
from xml.etree import ElementTree as ET

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive

from runner.errors import UsageError
from runner.insight.php_form import PhpForm, php_form
from runner.insight.protocol import FORM
from runner.insight.sandbox.call_store import CallStore
from runner.insight.sandbox.checks import first_error, record_error
from runner.insight.sandbox.connections import Connections
from runner.insight.sandbox.faults import Fault, Faults, Kind, parse_fault

_ERRORS: Mapping[int, str] = {
    400: "supplied data improperly formatted or invalid",
    401: "authentication headers invalid or the account is inactive",
    403: "the account does not have appropriate permissions",
    404: "deployment, user or survey was not found",
    405: "invalid HTTP method supplied",
    409: "survey has been marked as deleted",
    415: "unsupported media type",
    429: "too many requests",
    500: "database error",
    503: "service unavailable",
}
_DRIP_SECONDS = 0.02
_LARGEST_BODY = 1 << 20

_Keep = Callable[[Request, PhpForm], dict[str, Any] | str]
"""Keeps what a form holds and returns the answer, or why it is wrong."""


class Api:
    """The endpoints, over one call store."""

    def __init__(self, store: CallStore, faults: Faults, connections: Connections) -> None:
        self._store = store
        self._faults = faults
        self._connections = connections

    def app(self, receiver: ASGIApp | None) -> Starlette:
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        survey = "/api/surveys/{survey_id}/{instance_id}"
        routes = [
            Route(f"{survey}/queue", self.queue, methods=every),
            Route(f"{survey}/cancel", self.cancel, methods=every),
            Route(f"{survey}/responses", self.responses, methods=every),
            Route("/api/outbound/{call_id}", self.outbound, methods=every),
            Route("/api/metadatabase_push", self.push, methods=every),
            Route("/_sandbox/calls", self.received, methods=["GET"]),
            Route("/_sandbox/records", self.records, methods=["GET"]),
            Route("/_sandbox/requests", self.requests, methods=["GET"]),
            Route("/_sandbox/faults", self.set_faults, methods=["POST", "DELETE"]),
        ]
        return Starlette(routes=[*routes, *([Mount("/results", receiver)] if receiver else [])])

    async def queue(self, request: Request) -> Response:
        response = await self._take(request, self._queue)
        self._store.statuses.append(response.status_code)
        return response

    async def push(self, request: Request) -> Response:
        return await self._take(request, self._add_record)

    async def cancel(self, request: Request) -> Response:
        if refusal := self._refusal(request, "DELETE"):
            return refusal
        self._store.cancel_pending(request.path_params["survey_id"], request.path_params["instance_id"])
        return self._dated(Response(status_code=202))

    async def responses(self, request: Request) -> Response:
        if refusal := self._refusal(request, "GET"):
            return refusal
        count = self._store.responses(request.path_params["survey_id"], request.path_params["instance_id"])
        return self._answer(request, 200, {"success": True, "responses": count})

    async def outbound(self, request: Request) -> Response:
        if refusal := self._refusal(request, "GET"):
            return refusal
        call = self._store.find(request.path_params["call_id"])
        if call is None:
            return self._error(request, 404)
        return self._answer(request, 200, {"success": True, "call_details": call.details(self._store.now())})

    async def received(self, _request: Request) -> Response:
        return JSONResponse([call.received() for call in self._store.calls])

    async def records(self, _request: Request) -> Response:
        return JSONResponse(self._store.records)

    async def requests(self, _request: Request) -> Response:
        return JSONResponse({"statuses": self._store.statuses})

    async def set_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._faults.set([])
            return Response(status_code=204)
        try:
            specs = json.loads(await _body(request))["faults"]
            self._faults.set([parse_fault(str(spec)) for spec in specs])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'send {"faults": ["500*3"]}'}, status_code=400)
        except UsageError as error:
            return JSONResponse({"error": error.message, "hint": error.hint}, status_code=400)
        return Response(status_code=204)

    async def _take(self, request: Request, keep: _Keep) -> Response:
        """Answers a POST as set, after keeping what it holds where the fault leaves it that."""
        fault = self._faults.draw()
        body = await _body(request)
        return (
            self._accept(request, body, keep)
            if fault is None
            else await self._misbehave(request, body, fault, keep)
        )

    def _accept(self, request: Request, body: bytes, keep: _Keep) -> Response:
        kept = self._kept(request, body, keep)
        return kept if isinstance(kept, Response) else self._done(request, kept)

    def _kept(self, request: Request, body: bytes, keep: _Keep) -> dict[str, Any] | Response:
        if refusal := self._refusal(request, "POST"):
            return refusal
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
            return self._error(request, 415)
        kept = keep(request, php_form(body))
        return self._error(request, 400, kept) if isinstance(kept, str) else kept

    def _queue(self, request: Request, form: PhpForm) -> dict[str, Any] | str:
        if error := first_error(form, self._store.now()):
            return error
        call = self._store.queue(
            survey_id=request.path_params["survey_id"],
            instance_id=request.path_params["instance_id"],
            username=_credentials(request)[0],
            form=form,
        )
        return {"success": True, "call_id": call.call_id}

    def _add_record(self, _request: Request, form: PhpForm) -> dict[str, Any] | str:
        if error := record_error(form):
            return error
        self._store.add_record(form)
        return {"success": True}

    def _done(self, request: Request, kept: dict[str, Any]) -> Response:
        response = self._answer(request, 200, kept)
        if "call_id" in kept:
            base = f"{request.url.scheme}://{request.url.netloc}"
            response.headers["Link"] = f"{base}/api/outbound/{kept['call_id']}"
        return response

    async def _misbehave(self, request: Request, body: bytes, fault: Fault, keep: _Keep) -> Response:
        match fault.kind:
            case Kind.STATUS:
                return self._error(request, fault.status)
            case Kind.REDIRECT:
                return self._dated(Response(status_code=307, headers={"Location": str(request.url)}))
            case Kind.RESET_BEFORE:
                return self._reset(request)
            case Kind.HANG_BEFORE:
                return _Unanswered()
            case Kind.SLOW:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(_until_gone(request.receive), fault.seconds)
                return self._accept(request, body, keep)
        kept = self._kept(request, body, keep)
        return kept if isinstance(kept, Response) else self._lose_answer(request, kept, fault.kind)

    def _lose_answer(self, request: Request, kept: dict[str, Any], kind: Kind) -> Response:
        """Every fault that queues a call or keeps a record and hides that from its sender."""
        match kind:
            case Kind.ERROR_AFTER:
                return self._error(request, 500)
            case Kind.NOT_FOUND_AFTER:
                return self._answer(request, 404, {**kept, "success": False, "error": _ERRORS[404]})
            case Kind.GARBAGE:
                return self._dated(Response("<<<%&", media_type="application/json"))
            case Kind.DRIP:
                return _drip(self._done(request, kept))
            case Kind.RESET_AFTER:
                return self._reset(request)
            case _:
                return _Unanswered()

    def _reset(self, request: Request) -> Response:
        self._connections.reset(request.scope["client"])
        return _Unanswered()

    def _refusal(self, request: Request, method: str) -> Response | None:
        """The error that every endpoint gives for a wrong method or missing credentials, or None."""
        if request.method != method:
            return self._error(request, 405)
        return None if all(_credentials(request)) else self._error(request, 401)

    def _error(self, request: Request, status: int, error: str = "") -> Response:
        return self._answer(request, status, {"success": False, "error": error or _ERRORS[status]})

    def _answer(self, request: Request, status: int, content: dict[str, Any]) -> Response:
        if "xml" in request.headers.get("accept", ""):
            root = ET.Element("result")
            _fill(root, content)
            body, media_type = ET.tostring(root), "application/xml"
        else:
            body, media_type = json.dumps(content).encode(), "application/json"
        return self._dated(Response(body, status_code=status, media_type=media_type))

    def _dated(self, response: Response) -> Response:
        """The sandbox's clock, which in a rehearsal is not the machine's."""
        response.headers["Date"] = formatdate(self._store.now(), usegmt=True)
        return response


class _Unanswered(Response):
    """Sends nothing until the other end, or a reset, has closed the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.status_code = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG002 - as in ASGI
        await _until_gone(receive)


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return username, key


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk[: _LARGEST_BODY - len(body)]
    except ClientDisconnect:
        pass
    return bytes(body)


async def _until_gone(receive: Receive) -> None:
    """Waits until the other end, or a reset, has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _drip(response: Response) -> Response:
    async def one_by_one() -> AsyncIterator[bytes]:
        for byte in bytes(response.body):
            await asyncio.sleep(_DRIP_SECONDS)
            yield bytes([byte])

    return StreamingResponse(one_by_one(), status_code=response.status_code, headers=dict(response.headers))


def _fill(element: ET.Element, content: object) -> None:
    """The API's XML: a name for each field, `<item>` for each entry of a list."""
    if isinstance(content, dict):
        for name, value in content.items():
            _fill(ET.SubElement(element, name), value)
    elif isinstance(content, list):
        for value in content:
            _fill(ET.SubElement(element, "item"), value)
    elif isinstance(content, bool):
        element.text = "true" if content else "false"
    elif content is not None:
        element.text = str(content)
