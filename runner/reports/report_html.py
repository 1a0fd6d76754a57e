"""A campaign's report as one page that opens anywhere: no network, no other file, no script."""

from collections.abc import Sequence

from markupsafe import Markup

from runner.reports.page import rate_chart
from runner.reports.page.template import policy, shipped, template
from runner.reports.sections import Document, Grid
from runner.results.rates import Share

_LEVELS = 4
_FEWEST_DIALS = 10
"""Shares of fewer do not decide which share has the strongest shade."""


def report_html(document: Document) -> str:
    """The same report gives the same bytes. Every value is escaped, wherever it stands in the page."""
    style = shipped("plan.css") + shipped("report.css")
    return template("report.html").render(
        report=document,
        style=Markup(style),  # noqa: S704 - our own files, without any value of a report
        policy=policy(style),
        drawing=rate_chart,
        chart=rate_chart.rate_chart,
        levels=levels,
    )


def levels(grid: Grid) -> Sequence[tuple[str, Sequence[tuple[Share | None, int]]]]:
    """The rows of the grid, each share with its shade: 0 to 4, by the highest share of all."""
    found = [share for _, shares in grid.rows for share in shares if share is not None]
    highest = max((share.value or 0 for share in found if share.whole >= _FEWEST_DIALS), default=1.0)
    return [(name, [(share, _level(share, highest)) for share in shares]) for name, shares in grid.rows]


def _level(share: Share | None, highest: float) -> int:
    if share is None or not share.value:
        return 0
    return min(_LEVELS, max(1, round(share.value / highest * _LEVELS))) if highest else _LEVELS
