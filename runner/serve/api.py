"""The JSON API: what the commands answer and do, for programs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.contacts.identity import Identity
from runner.errors import UnknownCampaignError, UsageError
from runner.ledger.operators import SeenCall
from runner.ledger.result_rows import listed_calls
from runner.ledger.suppressions import Target, planned_for
from runner.ledger.totals import Totals
from runner.reports import api_forms, forms
from runner.reports.event_json import late_opt_out_json
from runner.reports.json_text import diagnostic_json, json_text
from runner.reports.report_forms import ReportForm
from runner.reports.report_json import report_json
from runner.reports.state_reasons import reason_text
from runner.reports.status import status_json
from runner.reports.suppression import entries_json
from runner.serve import json_bodies, people
from runner.serve.acting import Acting, Done
from runner.serve.acts import ACTS
from runner.serve.call_acts import resolve_seen
from runner.serve.private_site import PrivateSite
from runner.serve.served import ServedCampaign
from runner.serve.suppress_act import suppression_desk
from runner.serve.threads import in_thread, in_turn
from runner.services.campaign_figures import campaign_figures
from runner.services.operators import identity_of
from runner.services.status import ledger_status
from runner.services.suppression import SuppressionDesk, reason_of, targets_of, until_of

_VERSION = forms.FORMAT_VERSION
_BY_FLAG = {True: "yes", False: ""}
_CALLS = 100
"""On a page, unless the program says how many."""

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that programs may ask for, as the OpenAPI document describes it."""

    method: str
    path: str
    name: str
    summary: str
    answers: Any
    """The form of the answer."""
    takes: Any = None
    """The form of the body; None where there is none. Only operators may send one."""
    query: Any = None
    """The form of what may be asked for in the address, in place of a body."""
    does: Callable[["Api", Request, Body], Awaitable[Any]]


class Api:
    """Of one `serve`."""

    def __init__(self, site: PrivateSite) -> None:
        self._site = site
        self._environment = site.environment
        self._ledger = site.environment.ledger

    async def campaigns(self, _request: Request, _body: Body) -> api_forms.CampaignsForm:
        known = await self._site.totals.fresh()
        served = {found.name: found for found in self._site.served.campaigns()}
        names = sorted({*known, *served})
        entries = [_entry(name, known.get(name, Totals()), served.get(name)) for name in names]
        return {"format_version": _VERSION, "campaigns": entries}

    async def campaign(self, request: Request, _body: Body) -> api_forms.CampaignForm:
        name = request.path_params["name"]
        served, totals = self._site.served.campaign(name), await self._site.totals.fresh()
        is_known = await in_thread(self._ledger.knows, name)
        if served is None and not is_known:
            raise UnknownCampaignError(f"neither this server nor its ledger has a campaign {name}")
        return {
            "format_version": _VERSION,
            "campaign": name,
            "status": await in_thread(self._status, name, totals.get(name)) if is_known else None,
            "serve": None if served is None else _served(served),
        }

    def _status(self, name: str, counted: Totals | None) -> forms.Status:
        identity, settings = identity_of(self._environment), self._environment.settings
        found = ledger_status(name, self._ledger, settings, identity, time.time(), counted)
        return status_json(found, identity)

    async def calls(self, request: Request, body: Body) -> api_forms.CallsForm:
        name, most = await self._known(request.path_params["name"]), body.get("limit", _CALLS)
        asked = body.get("state"), body.get("after"), most + 1
        found = await in_thread(listed_calls, self._ledger.engine, name, *asked)
        identity = await in_thread(identity_of, self._environment)
        shown = found[:most]
        return {
            "format_version": _VERSION,
            "campaign": name,
            "calls": [_call(each, identity) for each in shown],
            "next": shown[-1].id if len(found) > most else None,
        }

    async def report(self, request: Request, _body: Body) -> Any:  # noqa: ANN401 - as report_json gives it
        name = await self._known(request.path_params["name"])

        def count() -> Any:  # noqa: ANN401
            settings = self._environment.settings
            return report_json(asyncio.run(campaign_figures(name, self._ledger, settings, time.time())))

        return await in_turn(count)

    async def approve(self, request: Request, body: Body) -> api_forms.DoneForm:
        name, person = request.path_params["name"], people.operator(request)
        if self._site.served.campaign(name) is None:
            raise UnknownCampaignError(f"this server carries out no campaign {name}")
        await self._site.served.approve(name, body["content"], person.name)
        return _done(Done(lines=[f"{name} is approved as it is now: serve carries it out."]))

    async def suppressions(self, request: Request, body: Body) -> forms.Suppressions:
        campaign = await self._campaign_of(body.get("campaign"))

        def read() -> forms.Suppressions:
            with self._suppression_desk(request, campaign) as desk:
                return entries_json(desk.in_force(), desk.identity, show_contacts=False)

        return await in_thread(read)

    async def suppress(self, request: Request, body: Body) -> api_forms.SuppressedForm:
        target = _target(body)
        until = until_of(body["until"], time.time()) if "until" in body else None
        reason, campaign = reason_of(body.get("reason", "")), await self._campaign_of(body.get("campaign"))

        def act() -> api_forms.SuppressedForm:
            with self._suppression_desk(request, campaign) as desk:
                planned = planned_for(self._ledger.engine, target, campaign)
                (is_new,) = desk.add([target], until, reason)
                return {
                    "format_version": _VERSION,
                    "target": desk.label(target),
                    "kind": _kind(target),
                    "campaign": campaign,
                    "is_new": is_new,
                    "withdrawn": dict(planned),
                    "late": [
                        {
                            "campaign": name,
                            "calls": [late_opt_out_json(each, desk.identity) for each in late],
                        }
                        for name, late in desk.too_late([target])
                    ],
                }

        return await in_thread(act)

    async def unsuppress(self, request: Request, body: Body) -> api_forms.UnsuppressedForm:
        target, campaign = _target(body), await self._campaign_of(body.get("campaign"))

        def act() -> api_forms.UnsuppressedForm:
            with self._suppression_desk(request, campaign) as desk:
                ((removed, left),) = desk.remove([target])
                return {
                    "format_version": _VERSION,
                    "target": desk.label(target),
                    "kind": _kind(target),
                    "campaign": campaign,
                    "removed": removed,
                    "left": len(left),
                }

        return await in_thread(act)

    async def act(self, name: str, request: Request, body: Body) -> api_forms.DoneForm:
        """One of those that pages have too."""
        given = {key: _BY_FLAG[value] if isinstance(value, bool) else value for key, value in body.items()}
        return await self._act(request, lambda acting: ACTS[name].does(acting, given))

    async def resolve(self, request: Request, body: Body) -> api_forms.DoneForm:
        seen = [SeenCall(**each) for each in body["calls"]]
        given = {"as": body["resolution"], "call_id": body.get("call_id", "")}
        return await self._act(request, lambda acting: resolve_seen(acting, seen, given))

    async def _act(self, request: Request, does: Callable[[Acting], Done]) -> api_forms.DoneForm:
        acting = Acting(
            environment=self._environment,
            person=people.person(request).name,
            campaign=await self._known(request.path_params["name"]),
        )
        try:
            return _done(await in_thread(does, acting))
        finally:
            self._site.totals.forget()

    def _suppression_desk(
        self, request: Request, campaign: str | None
    ) -> AbstractContextManager[SuppressionDesk]:
        acting = Acting(environment=self._environment, person=people.person(request).name, campaign=campaign)
        return suppression_desk(acting, campaign)

    async def _campaign_of(self, given: str | None) -> str | None:
        return None if given is None else await self._known(given)

    async def _known(self, name: str) -> str:
        """Raises UnknownCampaignError. Never the path of a file."""
        if not await in_thread(self._ledger.knows, name):
            raise UnknownCampaignError(
                f"the ledger has no campaign {name}", hint="its first run enters it into the ledger"
            )
        return name


def _acting(name: str) -> Callable[[Api, Request, Body], Awaitable[Any]]:
    return lambda api, request, body: api.act(name, request, body)


_CAMPAIGN = "/api/campaigns/{name}"
OPERATIONS = (
    Operation(
        method="GET",
        path="/api/campaigns",
        name="campaigns",
        summary="Every campaign, in the numbers of some seconds ago.",
        answers=api_forms.CampaignsForm,
        does=Api.campaigns,
    ),
    Operation(
        method="GET",
        path=_CAMPAIGN,
        name="campaign",
        summary="How far a campaign is, some seconds ago, and what serve does with it.",
        answers=api_forms.CampaignForm,
        does=Api.campaign,
    ),
    Operation(
        method="GET",
        path=f"{_CAMPAIGN}/calls",
        name="calls",
        summary="The calls of a campaign, some at a time, with keys masked as in pages.",
        query=api_forms.CallsQuery,
        answers=api_forms.CallsForm,
        does=Api.calls,
    ),
    Operation(
        method="GET",
        path=f"{_CAMPAIGN}/report",
        name="report",
        summary="AAPOR's outcome rates, and when people answer: runner report NAME --output json.",
        answers=ReportForm,
        does=Api.report,
    ),
    Operation(
        method="POST",
        path=f"{_CAMPAIGN}/approve",
        name="approve",
        summary="Approve exactly this content of a campaign file.",
        takes=api_forms.ApproveRequest,
        answers=api_forms.DoneForm,
        does=Api.approve,
    ),
    Operation(
        method="POST",
        path=f"{_CAMPAIGN}/resolve",
        name="resolve",
        summary="Decide on uncertain calls, unless one was sent again since it was seen.",
        takes=api_forms.ResolveRequest,
        answers=api_forms.DoneForm,
        does=Api.resolve,
    ),
    *(
        Operation(
            method="POST",
            path=f"{_CAMPAIGN}/{name}",
            name=name,
            summary=summary,
            takes=takes,
            answers=api_forms.DoneForm,
            does=_acting(name),
        )
        for name, takes, summary in (
            ("pause", api_forms.NothingRequest, "Send nothing more until somebody resumes the campaign."),
            ("resume", api_forms.NothingRequest, "Send again."),
            ("cancel", api_forms.CancelRequest, "Withdraw what is not sent, for good."),
            ("retry", api_forms.RetryRequest, "Plan refused calls again although nothing changed."),
            ("acknowledge", api_forms.NothingRequest, "Mark refused and uncertain calls as seen."),
        )
    ),
    Operation(
        method="GET",
        path="/api/suppressions",
        name="suppressions",
        summary="The entries in force, masked: runner suppress --list --output json.",
        query=api_forms.SuppressionsQuery,
        answers=forms.Suppressions,
        does=Api.suppressions,
    ),
    Operation(
        method="POST",
        path="/api/suppressions",
        name="suppress",
        summary="Do not call a person any more. For phone systems: it may be repeated.",
        takes=api_forms.SuppressRequest,
        answers=api_forms.SuppressedForm,
        does=Api.suppress,
    ),
    # Not DELETE: numbers do not belong into addresses, which logs keep, and proxies drop bodies of a DELETE.
    Operation(
        method="POST",
        path="/api/suppressions/remove",
        name="unsuppress",
        summary="Take the entries of a person out of force. The history keeps them.",
        takes=api_forms.TargetRequest,
        answers=api_forms.UnsuppressedForm,
        does=Api.unsuppress,
    ),
)


def routes(site: PrivateSite) -> Sequence[BaseRoute]:
    api = Api(site)
    return [
        *(_route(operation, api) for operation in OPERATIONS),
        Route("/api/openapi.json", _openapi, methods=["GET"]),
    ]


def _route(operation: Operation, api: Api) -> BaseRoute:
    form = None if operation.takes is None else TypeAdapter(operation.takes)
    query = None if operation.query is None else TypeAdapter(operation.query)

    async def answer(request: Request) -> Response:
        body: Body = {} if query is None else json_bodies.checked(dict(request.query_params), query)
        if form is not None:
            people.operator(request)
            body = json_bodies.read(await request.body(), form)
        return _json(await operation.does(api, request, body))

    return Route(operation.path, answer, methods=[operation.method])


async def _openapi(_request: Request) -> Response:
    # Made at the first request: most never ask for it.
    from runner.serve.openapi import openapi_text  # noqa: PLC0415

    return Response(openapi_text(), media_type="application/json")


def _json(value: object) -> Response:
    return Response(json_text(value), media_type="application/json")


def _call(row: Any, identity: Identity) -> api_forms.CallForm:  # noqa: ANN401 - of `listed_calls`
    return {
        "contact": identity.label(row.contact),
        "ref": row.ref,
        "round": row.round,
        "state": row.state,
        "since": int(row.updated_at),
        "reason_code": row.reason.code.value,
        "reason": reason_text(row.reason),
        "attempt": row.fence,
        "call_id": row.call_id,
        "queue_at": row.queue_at,
        "start": row.start_timestamp,
        "end": row.end_timestamp,
        "zones": row.timezones,
    }


def _entry(name: str, found: Totals, served: ServedCampaign | None) -> api_forms.CampaignEntryForm:
    return {
        "campaign": name,
        "state": found.state.value,
        "states": {state.value: number for state, number in found.states.items()},
        "awaited": found.awaited,
        "unacknowledged": found.unacknowledged,
        "next_due": found.next_due,
        "serve": None if served is None else _served(served),
    }


def _served(found: ServedCampaign) -> api_forms.ServeForm:
    problem, approved = found.problem, found.approved
    return {
        "status": found.status.value,
        "since": int(found.since),
        "problem": None
        if problem is None
        else {
            "message": problem.message,
            "hint": problem.hint,
            "diagnostics": [diagnostic_json(each) for each in problem.diagnostics],
        },
        "content": found.content,
        "approved": None if approved is None else {"by": approved.by, "at": int(approved.at)},
        "planned_at": None if found.planned_at is None else int(found.planned_at),
        "plan": None if found.plan is None else dict(found.plan.summary),  # type: ignore[typeddict-item]
    }


def _done(done: Done) -> api_forms.DoneForm:
    return {"format_version": _VERSION, "done": list(done.lines), "warnings": list(done.warnings)}


def _target(body: Body) -> Target:
    """Raises UsageError."""
    given = [(name, body[name]) for name in ("number", "key") if name in body]
    if len(given) != 1:
        raise UsageError("the request must name one person", hint="give number or key")
    name, text = given[0]
    (target,) = targets_of([text], body.get("region"), are_keys=name == "key")
    if name == "number" and not target.phone:
        raise UsageError("this is not a phone number", hint="write it with + and its country code")
    return target


def _kind(target: Target) -> Literal["number", "key"]:
    return "number" if target.phone else "key"
