"""`/metrics`: what Prometheus reads of one `serve`. Nothing in it is about a person.

What the ledger knows is counted once for this and for pages, however often it is read. What only this
process sees (requests, callbacks) is counted since it started, as Prometheus expects.
"""

import asyncio
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.calls import CallState
from runner.dispatch.events import CallEnded, Event
from runner.dispatch.rate_limit import RateLimit
from runner.errors import LedgerError
from runner.ledger.totals import Totals
from runner.serve.served import Served, ServedCampaign, ServeStatus
from runner.serve.shared import Shared

_LEDGER_SECONDS = 5
"""Waited for the ledger; Prometheus itself waits 10 by default."""
PATH = "/metrics"
NO_ANSWER = "none"
_Labels = TypeVar("_Labels", bound=tuple[str, ...])


class Described(NamedTuple):
    """One metric, as it is documented."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


CALLS = Described("runner_calls", "Calls in the ledger, by state", ("campaign", "state"))
AWAITED = Described("runner_results_awaited", "Queued calls whose results are awaited", ("campaign",))
UNACKNOWLEDGED = Described(
    "runner_calls_unacknowledged", "Refused and uncertain calls that nobody has acknowledged", ("campaign",)
)
NEXT_DUE = Described(
    "runner_next_due_timestamp_seconds",
    "When the next request is to be sent; absent where none is planned",
    ("campaign",),
)
CAMPAIGNS = Described("runner_campaigns", "Campaign files, by what serve does with them", ("status",))
STATUS = Described(
    "runner_campaign_status", "1 for the status that the campaign has now", ("campaign", "status")
)
REQUESTS = Described(
    "runner_requests_total",
    f"Requests to queue a call, by the HTTP status of the answer; {NO_ANSWER} where no whole answer came",
    ("campaign", "status"),
)
LAG = Described("runner_send_lag_seconds", "From when a request was due until it left")
RATE_SPENT = Described(
    "runner_rate_limited_requests_total", "Requests of all kinds that count in the request rate"
)
RATE_LIMIT = Described(
    "runner_request_rate_limit", "Requests a second that this process may send: its part of the rate"
)
CALLBACKS = Described("runner_callbacks_total", "Callbacks, by what became of them", ("outcome",))
NOTIFICATIONS = Described(
    "runner_notifications_total", "Posts of notifications: sent, retried or given_up", ("outcome",)
)
LEDGER = Described("runner_ledger_up", "1 where the ledger could be read for this answer, else 0")
METRICS = (
    CALLS,
    AWAITED,
    UNACKNOWLEDGED,
    NEXT_DUE,
    CAMPAIGNS,
    STATUS,
    REQUESTS,
    LAG,
    RATE_SPENT,
    RATE_LIMIT,
    CALLBACKS,
    NOTIFICATIONS,
    LEDGER,
)
"""Those of `serve`. `process_…` are of the library: memory, processor time, open files."""

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, math.inf)
"""Seconds; 0.25 is what 99 % of requests are to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is counted outside of this module, at one moment."""

    campaigns: Sequence[ServedCampaign]
    ledger: Mapping[str, Totals] | None
    """None where it could not be read."""


class Metrics:
    """Of one `serve`. Use it in its event loop."""

    def __init__(
        self,
        totals: Shared[Mapping[str, Totals]],
        rate: RateLimit,
        callbacks: Mapping[str, int] = MappingProxyType({}),
        notifications: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`callbacks` and `notifications` count by what became of them, and may grow."""
        self._rate = rate
        self._callbacks = callbacks
        self._notifications = notifications
        self._requests: Counter[tuple[str, str]] = Counter()
        self._lags = [0] * len(_BUCKETS)
        self._lag_seconds = 0.0
        self._rate_spent = 0
        self._totals = totals
        self._process = ProcessCollector(registry=None)

    def hear(self, campaign: str, event: Event) -> None:
        """Something happened in a run of this process."""
        if not isinstance(event, CallEnded) or event.request is None:
            return
        status = NO_ANSWER if event.request.status is None else str(event.request.status)
        self._requests[campaign, status] += 1
        # A clock that was set back is no negative lag.
        lag = max(0.0, event.request.lag)
        self._lags[bisect_left(_BUCKETS, lag)] += 1
        self._lag_seconds += lag

    async def text(self, served: Served) -> bytes:
        """As Prometheus reads it."""
        seen = _Seen(ledger=await self._ledger(), campaigns=served.campaigns())
        registry = CollectorRegistry()
        registry.register(self._process)
        registry.register(_Fixed([*_of_ledger(seen), *_of_campaigns(seen.campaigns), *self._of_process()]))
        return generate_latest(registry)

    async def _ledger(self) -> Mapping[str, Totals] | None:
        try:
            return await asyncio.wait_for(self._totals.fresh(), _LEDGER_SECONDS)
        except (LedgerError, TimeoutError):
            return None

    def _of_process(self) -> Iterator[Metric]:
        requests = _counter(REQUESTS)
        for labels, number in self._requests.items():
            requests.add_metric(labels, number)
        yield requests
        yield self._lag()
        # A counter never falls: what was given back a moment ago is sent soon.
        self._rate_spent = max(self._rate_spent, self._rate.spent)
        spent = _counter(RATE_SPENT)
        spent.add_metric((), self._rate_spent)
        yield spent
        yield _gauge(RATE_LIMIT, {(): self._rate.own_per_second})
        for what, counted in ((CALLBACKS, self._callbacks), (NOTIFICATIONS, self._notifications)):
            family = _counter(what)
            for word, number in dict(counted).items():
                family.add_metric((word,), number)
            yield family

    def _lag(self) -> Metric:
        buckets, total = list[tuple[str, float]](), 0
        for bound, number in zip(_BUCKETS, self._lags, strict=True):
            total += number
            buckets.append(("+Inf" if bound == math.inf else str(bound), total))
        return HistogramMetricFamily(LAG.name, LAG.help, buckets=buckets, sum_value=self._lag_seconds)


def routes(metrics: Metrics, served: Served) -> Sequence[BaseRoute]:
    """For viewers, as pages are: the names of campaigns are in it."""

    async def read(_request: Request) -> Response:
        return Response(await metrics.text(served), headers={"content-type": CONTENT_TYPE_LATEST})

    return [Route(PATH, read, methods=["GET"])]


def _of_ledger(seen: _Seen) -> Iterator[Metric]:
    """Of the campaigns that are served; of all where none is."""
    found = seen.ledger or {}
    served = {campaign.name for campaign in seen.campaigns}
    shown = {name: counted for name, counted in found.items() if not served or name in served}
    states = {
        (name, state.value): counted.states.get(state, 0)
        for name, counted in shown.items()
        for state in CallState
    }
    yield _gauge(CALLS, states)
    yield _gauge(AWAITED, {(name,): counted.awaited for name, counted in shown.items()})
    yield _gauge(UNACKNOWLEDGED, {(name,): counted.unacknowledged for name, counted in shown.items()})
    due = {(name,): each.next_due for name, each in shown.items() if each.next_due is not None}
    yield _gauge(NEXT_DUE, due)
    yield _gauge(LEDGER, {(): float(seen.ledger is not None)})


def _of_campaigns(served: Sequence[ServedCampaign]) -> Iterator[Metric]:
    counted = Counter(campaign.status for campaign in served)
    yield _gauge(CAMPAIGNS, {(status.value,): counted[status] for status in ServeStatus})
    yield _gauge(STATUS, {(campaign.name, campaign.status.value): 1 for campaign in served})


def _gauge(what: Described, values: Mapping[_Labels, float]) -> Metric:
    family = GaugeMetricFamily(what.name, what.help, labels=what.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _counter(what: Described) -> CounterMetricFamily:
    return CounterMetricFamily(what.name, what.help, labels=what.labels)


class _Fixed(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families
