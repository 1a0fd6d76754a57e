"""Which characters of a text may be shown, and what stands in for the others. Pure."""

import re

_HIDDEN = (
    # Control characters, but for tab and line feed.
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    # Formats, directions, separators of lines, and halves of pairs.
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Letters and marks without a shape.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
)
_HIDDEN_CHARACTER = re.compile(f"[{_HIDDEN}]")
_NOT_ON_ONE_LINE = re.compile(f"[{_HIDDEN}\t\n]")
_STAND_IN = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """`text` with each control, bidirectional and invisible character replaced; lines and tabs stay."""
    return _HIDDEN_CHARACTER.sub(_STAND_IN, text)


def on_one_line(text: str) -> str:
    """The same, with line breaks and tabs replaced too: for a value that must not begin a line of its own."""
    return _NOT_ON_ONE_LINE.sub(_STAND_IN, text)


def escaped(json_text: str) -> str:
    """JSON that says the same, with each such character written as an escape."""
    return _HIDDEN_CHARACTER.sub(_escape, json_text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _LARGEST_UNIT:
        return f"\\u{code:04x}"
    high, low = divmod(code - _LARGEST_UNIT - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


_LARGEST_UNIT = 0xFFFF
"""Above it JSON writes two escapes."""
