"""Takes people's data out of what a server said, before it is kept or shown. Pure."""

import re
from dataclasses import replace

from runner.insight.outcome import Outcome, Refused, Stop, Uncertain
from runner.planning.plan import CallRequest

HIDDEN = "•••"
_SHORTEST_VALUE = 3


def redacted(outcome: Outcome, request: CallRequest) -> Outcome:
    """The outcome of `request`, with nothing of the contact in its texts.

    Servers like to quote what they dislike; an error text must not carry numbers and names into logs.
    """
    match outcome:
        case Refused() | Stop():
            return replace(outcome, error=redact(outcome.error, request))
        case Uncertain():
            return replace(outcome, body=redact(outcome.body, request))
        case _:
            return outcome


def redact(text: str, request: CallRequest) -> str:
    """`text` without the values of this request, and without anything as long as a phone number."""
    values = [*request.metadata.values(), request.result_url]
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST_VALUE:
            text = text.replace(value, HIDDEN)
    return re.sub(r"\+?\d(?:[\s().-]?\d){6,}", HIDDEN, text)
