"""The plans that people review in a browser, as `plan --output html` shows them."""

import asyncio
from collections import OrderedDict

from markupsafe import Markup

from runner.planning.plan_view import PlanView
from runner.reports.plan_html import plan_values
from runner.serve.pages.rendering import render
from runner.serve.threads import in_thread

_MOST_CONTACTS = 10_000
"""In the table of a page: a browser takes megabytes for more."""
_MOST_PLANS = 8
"""That are kept."""


class PlanPages:
    """Makes the page of each plan once, in a thread. Use it in one event loop."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, tuple[PlanView, asyncio.Task[Markup]]] = OrderedDict()

    async def html(self, plan: PlanView) -> Markup:
        name = plan.campaign
        found = self._made.get(name)
        if found is None or found[0] is not plan:
            self._made[name] = found = plan, asyncio.create_task(in_thread(_html, plan))
            found[1].add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._made.move_to_end(name)
        if len(self._made) > _MOST_PLANS:
            self._made.popitem(last=False)
        return await asyncio.shield(found[1])


def _html(plan: PlanView) -> Markup:
    return render("plan_parts.html", plan_values(plan, _MOST_CONTACTS))
