"""Takes people's data out of what a server said, before it is kept or shown. Pure."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote_plus

from runner.insight.answers import MOST_SHOWN, one_line
from runner.insight.outcome import Outcome, Refused, Stop, Uncertain
from runner.planning.plan import CallRequest

HIDDEN = "•••"
_SHORTEST_VALUE = 3
_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){6,}")


def redacted(outcome: Outcome, request: CallRequest) -> Outcome:
    """The outcome of `request`, with nothing of the contact in its texts.

    Servers like to quote what they dislike; an error text must not carry numbers and names into logs.
    """
    match outcome:
        case Refused() | Stop():
            return replace(outcome, error=redact(outcome.error, request))
        case Uncertain():
            reason, body = redact(outcome.reason, request), redact(outcome.body, request)
            return replace(outcome, reason=reason, body=body)
        case _:
            return outcome


def redact(text: str, request: CallRequest) -> str:
    """`text` without the values of this request, and without anything as long as a phone number.

    A server may quote a value as it stood in the form, in JSON or in a page. Where reading the text so brings
    one to light, the text is returned as it was read.
    """
    values = [*request.metadata.values(), request.result_url]
    quoted = sorted((value for value in values if len(value) >= _SHORTEST_VALUE), key=len, reverse=True)
    is_cut = len(text) >= MOST_SHOWN
    text = _hide(text, quoted, is_cut=is_cut)
    for read in (_unescape, lambda escaped: unquote_plus(_unescape(escaped))):
        plain = read(text)
        hidden = _hide(plain, quoted, is_cut=is_cut)
        if hidden != plain:
            text = one_line(hidden)
    return text


def _hide(text: str, values: Sequence[str], *, is_cut: bool) -> str:
    for value in values:
        # Names change their case on the way, but a short one also stands inside of other words.
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
        text = text.replace(value, HIDDEN)
        if is_cut:
            text = _without_beginning_at_the_end(text, value)
    return _NUMBER.sub(HIDDEN, text)


def _without_beginning_at_the_end(text: str, value: str) -> str:
    for length in range(len(value) - 1, _SHORTEST_VALUE - 1, -1):
        if text.casefold().endswith(value[:length].casefold()):
            return text[:-length] + HIDDEN
    return text


def _unescape(text: str) -> str:
    """Read as HTML, as the inside of a JSON string, and as HTML that stood in one."""
    return html.unescape(_from_json(html.unescape(text)))


def _from_json(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    # Beyond the first 65,536 characters JSON writes two.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub(r"\\([\"\\/])", r"\1", text)
