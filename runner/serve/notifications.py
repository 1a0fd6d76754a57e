"""Reports what happens to campaigns where their `notify` says so.

What is to be reported goes into the ledger first, and is posted from there: in the order of each campaign and
connection, again after growing pauses, and at least once. Nothing here holds up a call.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from runner.calls import PROBLEMS
from runner.campaign.model import NotifyEvent
from runner.contacts.sources.context import Connections
from runner.dispatch.events import CallEnded, CallsLost, Event
from runner.errors import LedgerError, RunnerError, unexpected
from runner.ledger import notifications
from runner.ledger.notifications import Report, Unsent
from runner.ledger.overview import overview
from runner.ledger.totals import unacknowledged
from runner.reports.notification import Occasion, notification
from runner.serve import webhook
from runner.serve.served import Served, ServedCampaign, ServeStatus
from runner.services.environment import Environment
from runner.settings import connection

_POSTS_AT_ONCE = 4
_CLAIM_SECONDS = 60
"""Longer than a post takes."""
_FIRST_PAUSE_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 3600
_GIVE_UP_SECONDS = 86_400
_ASK_SECONDS = 60
_ASK_AGAIN_SECONDS = 10
"""At most this often where calls were refused or became uncertain."""

_EVENTS: Mapping[ServeStatus, NotifyEvent] = {
    ServeStatus.FINISHED: "finished",
    ServeStatus.STOPPED: "stopped",
    ServeStatus.GUARDED: "stopped",
    ServeStatus.BROKEN: "stopped",
    ServeStatus.WAITING_FOR_APPROVAL: "waiting_for_approval",
}
_GOES_ON = {ServeStatus.RUNNING, ServeStatus.WAITING_FOR_RESULTS, ServeStatus.FINISHED}


class Notifications:
    """Of one `serve`. `keep` it in its event loop."""

    def __init__(
        self,
        environment: Environment,
        served: Served,
        *,
        on_failure: Callable[[Unsent, RunnerError], None],
        on_problem: Callable[[RunnerError], None],
        connections: Connections = connection,
    ) -> None:
        """`on_failure` is called for each post that failed, `on_problem` for an error in this code."""
        self.outcomes: Counter[str] = Counter(sent=0, retried=0, given_up=0)
        """Of posts."""
        self._clock = environment.clock
        self._engine = environment.ledger.engine
        self._insight_base_url = environment.settings.insight_base_url
        self._served = served
        self._on_failure = on_failure
        self._on_problem = on_problem
        self._problem = ""
        self._connections = connections
        self._pool = ThreadPoolExecutor(max_workers=_POSTS_AT_ONCE, thread_name_prefix="notifications")
        self._ring = asyncio.Event()
        self._is_stopping = False
        self._sending = set[asyncio.Task[None]]()
        self._looked = dict[str, tuple[ServeStatus, float, str]]()
        """What was looked at of each campaign."""
        self._asked_at = -math.inf
        self._ask_at = -math.inf

    def hear(self, _campaign: str, event: Event) -> None:
        """Something happened in a run of this process."""
        failed = isinstance(event, CallEnded) and event.state in PROBLEMS
        if failed or isinstance(event, CallsLost):
            self._ask_at = min(self._ask_at, self._asked_at + _ASK_AGAIN_SECONDS)

    async def keep(self) -> None:
        """Until `stop`; what is being posted is finished."""
        alarm = self._clock.alarm(self._ring.set)
        try:
            while not self._is_stopping:
                self._ring.clear()
                await self._try_to_look()
                await self._ring.wait()
            await asyncio.gather(*self._sending)
        finally:
            await alarm.stop()
            self._pool.shutdown(wait=False)

    def stop(self) -> None:
        self._is_stopping = True
        self._ring.set()

    async def _try_to_look(self) -> None:
        """It is tried again soon, whatever happens. The reconciler reports a ledger that fails."""
        try:
            await self._look()
        except LedgerError:
            pass
        except Exception as error:  # noqa: BLE001 - a defect here must not end the reports of other campaigns
            problem = unexpected(error)
            if problem.message != self._problem:
                self._on_problem(problem)
            self._problem = problem.message

    async def _look(self) -> None:
        found = [campaign for campaign in self._served.campaigns() if campaign.notify]
        await asyncio.to_thread(self._report_all, found)
        # What waited here for its turn would be taken, and posted, once more.
        room = _POSTS_AT_ONCE - len(self._sending)
        if not room:
            return
        now = self._clock.now()
        for unsent in await asyncio.to_thread(
            notifications.take_unsent, self._engine, now, _CLAIM_SECONDS, room
        ):
            task = asyncio.create_task(self._send(unsent))
            self._sending.add(task)
            task.add_done_callback(self._sent)

    # --- what is to be reported, in a thread

    def _report_all(self, found: Sequence[ServedCampaign]) -> None:
        for campaign in found:
            looked = campaign.status, campaign.since, campaign.content
            if self._looked.get(campaign.name) != looked:
                self._report_status(campaign)
                self._looked[campaign.name] = looked
        if time.monotonic() >= self._ask_at:
            self._report_problems([each for each in found if _connections(each, "needs_person")])

    def _report_status(self, campaign: ServedCampaign) -> None:
        event = _EVENTS.get(campaign.status)
        if campaign.status in _GOES_ON and _connections(campaign, "stopped"):
            notifications.end(self._engine, campaign.name, "stopped", self._clock.now())
        if event == "finished":
            self._report(campaign, event, f"run {notifications.newest_run(self._engine, campaign.name)}")
        elif event is not None:
            self._report(campaign, event, f"{campaign.status} {campaign.content}")

    def _report_problems(self, found: Sequence[ServedCampaign]) -> None:
        self._asked_at = time.monotonic()
        counted = unacknowledged(self._engine, [campaign.name for campaign in found]) if found else {}
        for campaign in found:
            if counted.get(campaign.name):
                self._report(campaign, "needs_person", "calls")
            else:
                notifications.end(self._engine, campaign.name, "needs_person", self._clock.now())
        self._ask_at = self._asked_at + _ASK_SECONDS

    def _report(self, campaign: ServedCampaign, event: NotifyEvent, subject: str) -> None:
        names = _connections(campaign, event)
        if notifications.is_reported(self._engine, campaign.name, event, subject, names):
            return
        now = self._clock.now()
        occasion = Occasion(
            event=event,
            campaign=campaign.name,
            at=now,
            status=campaign.status.value,
            path=str(campaign.path),
            problem="" if campaign.problem is None else campaign.problem.words,
            plan=campaign.plan,
        )
        body = notification(occasion, overview(self._engine, campaign.name, now, 0))
        found = Report(campaign=campaign.name, event=event, subject=subject, at=now, body=body)
        notifications.report(self._engine, found, names)

    # --- what is posted

    async def _send(self, unsent: Unsent) -> None:
        loop = asyncio.get_running_loop()
        failure: RunnerError | None = None
        try:
            await loop.run_in_executor(self._pool, self._post, unsent)
        except RunnerError as error:
            failure = error
        # Where the ledger fails, the claim runs out, and it is posted again.
        with suppress(LedgerError):
            await asyncio.to_thread(self._settle, unsent, failed=failure is not None)
        if failure is not None:
            self._on_failure(unsent, failure)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._ring.set()

    def _post(self, unsent: Unsent) -> None:
        webhook.post(self._connections(unsent.connection), unsent.body, never=self._insight_base_url)

    def _settle(self, unsent: Unsent, *, failed: bool) -> None:
        now = self._clock.now()
        if not failed:
            self.outcomes["sent"] += 1
            notifications.was_sent(self._engine, unsent, now)
        elif now - unsent.at >= _GIVE_UP_SECONDS:
            self.outcomes["given_up"] += 1
            notifications.is_given_up(self._engine, unsent, now)
        else:
            self.outcomes["retried"] += 1
            notifications.try_again(self._engine, unsent, now + pause_after(unsent.tries))


def pause_after(tries: int) -> float:
    """Seconds until the next try after so many that failed."""
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 20), _LONGEST_PAUSE_SECONDS)


def _connections(campaign: ServedCampaign, event: NotifyEvent) -> Sequence[str]:
    """Where this event of the campaign is reported."""
    return list(dict.fromkeys(each.connection for each in campaign.notify if event in each.on))
