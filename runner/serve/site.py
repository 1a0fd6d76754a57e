"""The pages of `serve`: where people follow campaigns, and act."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from runner.calls import Role
from runner.errors import UnknownCampaignError, UsageError
from runner.ledger.approvals import short
from runner.reports.page import rate_chart
from runner.reports.report_html import levels
from runner.reports.times import machine_time
from runner.serve import forms, people
from runner.serve.acting import Acting, Done, Given
from runner.serve.acts import ACTS, Act
from runner.serve.pages import day_chart
from runner.serve.pages.campaign_facts import FactReader
from runner.serve.pages.campaign_view import CampaignView, campaign_view
from runner.serve.pages.list_view import list_view
from runner.serve.pages.live import LivePage, Regions
from runner.serve.pages.moments import moment
from runner.serve.pages.plan_page import PlanPages
from runner.serve.pages.rendering import fragment, page, static_file
from runner.serve.private_site import PrivateSite
from runner.serve.served import ServedCampaign, ServeStatus
from runner.serve.threads import in_thread

_SEND_SECONDS = 30
"""Within which a browser must take what a stream sends."""


def routes(site: PrivateSite) -> Sequence[BaseRoute]:
    pages = _Pages(site)
    return [
        Route("/", pages.campaigns),
        Route("/events", pages.campaigns_events),
        Route("/suppress", pages.suppress, methods=["GET", "POST"]),
        Route("/campaigns/{name}", pages.campaign),
        Route("/campaigns/{name}/events", pages.campaign_events),
        Route("/campaigns/{name}/plan", pages.plan),
        Route("/campaigns/{name}/approve", pages.to_plan),
        Route("/campaigns/{name}/approve", pages.approve, methods=["POST"]),
        Route("/campaigns/{name}/{act}", pages.act, methods=["GET", "POST"]),
        Route("/static/{version}/{name}", static_file),
    ]


class _Pages:
    """Pages are made once for all who may see the same: viewers, or operators."""

    def __init__(self, site: PrivateSite) -> None:
        self._site = site
        self._environment = site.environment
        self._facts: dict[str, FactReader] = {}
        self._live: dict[tuple[str, bool], LivePage] = {}
        self._plans = PlanPages()

    async def campaigns(self, request: Request) -> Response:
        regions = await self._list(request).regions()
        return page(
            request,
            "campaigns.html",
            regions=regions,
            events="/events",
            here="campaigns",
            as_of=moment(time.time() - self._site.totals.age),
        )

    async def campaigns_events(self, request: Request) -> Response:
        return _stream(self._list(request))

    async def campaign(self, request: Request) -> Response:
        name = request.path_params["name"]
        regions = await (await self._campaign(request)).regions()
        return page(
            request,
            "campaign.html",
            name=name,
            regions=regions,
            events=f"/campaigns/{name}/events",
            as_of=moment(time.time() - self._site.totals.age),
        )

    async def campaign_events(self, request: Request) -> Response:
        return _stream(await self._campaign(request))

    async def plan(self, request: Request) -> Response:
        found = self._served(request)
        if found.plan is None:
            raise HTTPException(404, f"the plan of {found.name} is not made yet; load the page again later")
        return page(
            request,
            "served_plan.html",
            name=found.name,
            content=found.content,
            plan_html=await self._plans.html(found.plan),
            rows=bool(found.plan.summary["rows"]),
            approval=self._approval(found),
        )

    async def to_plan(self, request: Request) -> Response:
        """Approving is confirmed on the page of the plan."""
        return RedirectResponse(f"/campaigns/{self._served(request).name}/plan", 303)

    async def approve(self, request: Request) -> Response:
        person, found = people.operator(request), self._served(request)
        content = (await forms.read(request)).get("content", "")
        if not content:
            raise UsageError("the form does not say which content is approved", hint="open the plan again")
        await self._site.served.approve(found.name, content, person.name)
        self._forget()
        said = f"{found.name} is approved as it is now (content {short(content)}): serve carries it out."
        return _done_page(request, "Approve", Done(lines=[said]), found.name)

    async def suppress(self, request: Request) -> Response:
        return await self._act(request, ACTS["suppress"], None)

    async def act(self, request: Request) -> Response:
        act = ACTS.get(request.path_params["act"])
        if act is None:
            raise HTTPException(404, "there is no such page")
        await self._check_known(request.path_params["name"])
        return await self._act(request, act, request.path_params["name"])

    async def _act(self, request: Request, act: Act, campaign: str | None) -> Response:
        acting = Acting(
            environment=self._environment, person=people.operator(request).name, campaign=campaign
        )
        if request.method != "POST":
            return await _question_page(request, act, acting, request.query_params)
        given = await forms.read(request)
        try:
            done = await in_thread(act.does, acting, given)
        except UsageError as error:
            return await _question_page(request, act, acting, given, error)
        finally:
            self._forget()
        return _done_page(request, act.label, done, campaign)

    def _approval(self, found: ServedCampaign) -> dict[str, str]:
        """Who approved the campaign, or why nobody can now; both empty where somebody has to."""
        why_not = ""
        if self._environment.settings.approval == "merge":
            why_not = (
                "No approval is needed: this server carries out all of its folder (RUNNER_APPROVAL=merge)."
            )
        elif found.status is ServeStatus.CANCELED:
            why_not = "The campaign is canceled: nothing is ever sent again under this name."
        elif not found.content:
            why_not = "The campaign file cannot be read now."
        return {"approved": _approved_words(found), "why_not": why_not}

    def _list(self, request: Request) -> LivePage:
        is_operator = _is_operator(request)

        async def regions() -> Regions:
            served, known = self._site.served.campaigns(), await self._site.totals.get()
            view = list_view(served, known, is_operator=is_operator)
            return {"campaigns": fragment("campaign_list.html", "campaigns", view)}

        return self._page("", regions, is_operator=is_operator)

    async def _campaign(self, request: Request) -> LivePage:
        name, is_operator = request.path_params["name"], _is_operator(request)
        if name not in self._facts:
            await self._check_known(name)
            self._facts[name] = FactReader(self._site, name)
        facts = self._facts[name]
        made: tuple[CampaignView, Regions] | None = None

        async def regions() -> Regions:
            nonlocal made
            view = campaign_view(await facts.read(is_operator=is_operator))
            if made is None or made[0] != view:
                made = view, _campaign_regions(view)
            return made[1]

        return self._page(name, regions, is_operator=is_operator)

    def _page(self, name: str, make: Callable[[], Awaitable[Regions]], *, is_operator: bool) -> LivePage:
        found = self._live.get((name, is_operator))
        if found is None:
            found = self._live[name, is_operator] = LivePage(make, self._site.served.changed)
        return found

    def _served(self, request: Request) -> ServedCampaign:
        name = request.path_params["name"]
        found = self._site.served.campaign(name)
        if found is None:
            raise UnknownCampaignError(f"this server carries out no campaign {name}")
        return found

    async def _check_known(self, name: str) -> None:
        """Raises UnknownCampaignError."""
        known = self._site.served.campaign(name) is not None
        if not known and not await in_thread(self._environment.ledger.knows, name):
            raise UnknownCampaignError(f"neither this server nor its ledger has a campaign {name}")

    def _forget(self) -> None:
        """Somebody acted: pages show it at once."""
        self._site.totals.forget()
        for live in self._live.values():
            live.forget()


def _campaign_regions(view: CampaignView) -> Regions:
    macros: Mapping[str, Sequence[object]] = {
        "days": (day_chart,),
        "answers": (rate_chart, rate_chart.rate_chart, levels),
    }
    names = ("status", "acts", "numbers", "people", "days", "windows", "answers", "rounds", "happened")
    return {each: fragment("campaign_regions.html", each, view, *macros.get(each, ())) for each in names}


def _is_operator(request: Request) -> bool:
    return people.person(request).role is Role.OPERATOR


def _approved_words(found: ServedCampaign) -> str:
    if found.approved is None:
        return ""
    return f"Approved by {found.approved.by} on {machine_time(found.approved.at)}."


def _stream(live: LivePage) -> Response:
    return EventSourceResponse(live.events(), send_timeout=_SEND_SECONDS)


async def _question_page(
    request: Request, act: Act, acting: Acting, given: Given, error: UsageError | None = None
) -> Response:
    return page(
        request,
        "act.html",
        status=200 if error is None else 400,
        act=act,
        campaign=acting.campaign,
        question=await in_thread(act.asks, acting, given),
        given=given,
        error=error,
        action=request.url.path,
        back=_back(acting.campaign),
        here="suppress" if acting.campaign is None else "",
    )


def _done_page(request: Request, label: str, done: Done, campaign: str | None) -> Response:
    return page(request, "done.html", label=label, campaign=campaign, done=done, back=_back(campaign))


def _back(campaign: str | None) -> str:
    return "/" if campaign is None else f"/campaigns/{campaign}"
