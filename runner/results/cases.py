"""Calls with their dispositions, and the contacts that they add up to. Pure.

A contact is one case of the survey, however many rounds it was called in: the outcome rates count contacts.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from runner.calls import ResultStatus
from runner.ledger.result_rows import CallRow
from runner.results.dispositions import Answer, CodingRules, Disposition, disposition
from runner.results.survey_report import Visits


class CodedCall(NamedTuple):
    call: CallRow
    disposition: Disposition
    answer: Answer | None
    """What the survey's report says; None where it has no visit of this call, or is not used."""


class Case(NamedTuple):
    """One contact with all its calls, the first round first."""

    calls: Sequence[CodedCall]

    @property
    def deciding(self) -> CodedCall:
        """The call whose disposition is the contact's: of the highest precedence, of those the newest."""
        return max(self.calls, key=lambda coded: (coded.disposition.precedence, coded.call.round))

    @property
    def disposition(self) -> Disposition:
        return self.deciding.disposition

    @property
    def attempts(self) -> int:
        return sum(coded.call.attempts or 0 for coded in self.calls)

    @property
    def attempts_until_answered(self) -> int | None:
        """Dials up to the first that was answered, over all rounds; None where none was."""
        dialled = 0
        for coded in self.calls:
            dialled += coded.call.attempts or 0
            if coded.call.result is ResultStatus.COMPLETED:
                return max(dialled, 1)
        return None


def cases(calls: Iterable[CallRow], rules: CodingRules, visits: Visits | None) -> Iterator[Case]:
    """`calls` come contact by contact, and each contact's by round."""
    for _, group in groupby(calls, key=attrgetter("contact")):
        its_calls = list(group)
        answers = visits.answers(its_calls) if visits is not None else [None] * len(its_calls)
        yield Case(
            [
                CodedCall(call, disposition(call, answer, rules), answer)
                for call, answer in zip(its_calls, answers, strict=True)
            ]
        )
