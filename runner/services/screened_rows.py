"""Screens rows: a usual campaign's here, those of a large one in processes beside this one.

What a row comes to depends on that row alone, and is most of the work of planning.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, cycle, islice

from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.contacts.contact import Exclusion, Row
from runner.contacts.identity import Identity
from runner.planning.candidate import Candidate
from runner.planning.screening import Screening
from runner.services.screening_process import ScreeningProcess, question_of

_FEW = 10_000
"""So many rows are screened before other processes could have begun."""
_AT_A_TIME = 500
_MOST_PROCESSES = 8
"""More than this process can feed."""


def screened_rows(
    campaign: Campaign, privacy_key: bytes, rows: Iterator[tuple[Source, Row]]
) -> Iterator[Candidate | Exclusion]:
    """What each row comes to, in their order. Raises RunnerError where a process beside this one fails."""
    yield from Screening(campaign, Identity(privacy_key)).screen(islice(rows, _FEW))
    first = next(rows, None)
    if first is None:
        return
    processors = _processors()
    remaining = chain([first], rows)
    if processors == 1:
        yield from Screening(campaign, Identity(privacy_key)).screen(remaining)
    else:
        yield from _screened_elsewhere(campaign, privacy_key, remaining, min(processors, _MOST_PROCESSES))


def _processors() -> int:
    """That this process may use: in a container fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _screened_elsewhere(
    campaign: Campaign, privacy_key: bytes, rows: Iterator[tuple[Source, Row]], number: int
) -> Iterator[Candidate | Exclusion]:
    positions = {id(source): position for position, source in enumerate(campaign.contacts.sources)}
    with ExitStack() as stack:
        processes = cycle(
            [stack.enter_context(ScreeningProcess(campaign, privacy_key)) for _ in range(number)]
        )
        asked: deque[ScreeningProcess] = deque()
        while some := list(islice(rows, _AT_A_TIME)):
            question = question_of(
                [(positions[id(source)], row.source, row.line, dict(row.values)) for source, row in some]
            )
            # All are asked in turn, so that the answer that is wanted next is the one to the oldest question.
            process = next(processes)
            while not process.has_room_for(question):
                yield from asked.popleft().answer()
            process.ask(question)
            asked.append(process)
        for process in asked:
            yield from process.answer()
