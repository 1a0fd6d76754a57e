"""Takes people's data out of what a server said, before it is kept or shown. Pure."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote_plus

from runner.calls import CallRequest
from runner.insight.answers import MOST_SHOWN, one_line
from runner.insight.outcome import CampaignBlocked, Outcome, Refused, Uncertain

HIDDEN = "•••"
_SHORTEST_VALUE = 3
_DIGITS_OF_A_NUMBER = 7
_HALF_AN_ESCAPE = re.compile(r"(%[0-9A-Fa-f]?|\\(u[0-9A-Fa-f]{0,3})?|&#?\w{0,8})$")
_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){6,}")


def redacted(outcome: Outcome, request: CallRequest) -> Outcome:
    """The outcome of `request`, with nothing of the contact in its texts.

    Servers like to quote what they dislike; an error text must not carry numbers and names into logs.
    """
    match outcome:
        case Refused() | CampaignBlocked():
            return replace(outcome, error=redact(outcome.error, request))
        case Uncertain():
            return replace(
                outcome,
                reason=redact(outcome.reason, request),
                body=redact(outcome.body, request),
                call_ids=tuple(_redact_call_id(call_id, request) for call_id in outcome.call_ids),
            )
        case _:
            return outcome


def redact(text: str, request: CallRequest) -> str:
    """`text` without the values of this request, and without anything as long as a phone number.

    A server may quote a value as it stood in the form, in JSON or in a page. Where reading the text so brings
    one to light, the text is returned as it was read.
    """
    # Blanks are folded in what a server said, and so they are in what is looked for.
    values = {one_line(value) for value in (*request.metadata.values(), request.result_url)}
    quoted = sorted(filter(_is_telling, values), key=len, reverse=True)
    is_cut = len(text) >= MOST_SHOWN
    text = _hide(_HALF_AN_ESCAPE.sub("", text) if is_cut else text, quoted, is_cut=is_cut)
    plain = text
    for read in _READINGS:
        plain = one_line(read(plain)).rstrip("\N{REPLACEMENT CHARACTER}")
        hidden = _hide(plain, quoted, is_cut=is_cut)
        if hidden != plain:
            text = plain = hidden
    return text


def without_numbers(text: str) -> str:
    """`text` without anything as long as a phone number, where no request is known that it may quote."""
    return redact(text, _NOTHING_ELSE_TO_HIDE)


_NOTHING_ELSE_TO_HIDE = CallRequest(
    phone_number="", max_attempts=1, reattempt_wait=None, metadata={}, result_url=""
)


def _redact_call_id(text: str, request: CallRequest) -> str:
    """A call_id may be as long as a phone number; only what repeats the request is hidden."""
    if not text.isdecimal():
        return redact(text, request)
    is_of_number = len(text) >= _DIGITS_OF_A_NUMBER and text in re.sub(r"\D", "", request.phone_number)
    return HIDDEN if is_of_number or text in request.metadata.values() else text


def _is_telling(value: str) -> bool:
    """A name may have two characters where each is a word."""
    return len(value) >= (_SHORTEST_VALUE if value.isascii() else 2)


def _hide(text: str, values: Sequence[str], *, is_cut: bool) -> str:
    for value in values:
        # A server may change the case of a name, and a short name may be part of another word.
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
    text = re.sub(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/bfnrt]))", _unescaped, text)
    # Beyond the first 65,536 characters JSON writes two.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(found: re.Match[str]) -> str:
    number, character = found.groups()
    if number is not None:
        return chr(int(number, 16))
    return character if character in '"\\/' else " "


_READINGS = (_unescape, unquote_plus, _unescape, unquote_plus)
"""Escapes may stand in escapes."""
