"""Which characters of a text are seen, what is shown for the others, and how names are spelled. Pure.

Other programs add invisible characters when text is copied, exported or corrected, and hostile text uses
control characters to steer a terminal.
"""

import re
import unicodedata

_HIDDEN = (
    # Control characters, but for tab and line feed.
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    # Formats, directions, separators of lines, and halves of pairs.
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Letters, marks and symbols without a shape.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00013441\U00013442\U00016fe4\U0001d159"
)
_HIDDEN_CHARACTER = re.compile(f"[{_HIDDEN}]")
_NOT_ON_ONE_LINE = re.compile(f"[{_HIDDEN}\t\n]")
_INVISIBLE = re.compile(f"(?!\\s)[{_HIDDEN}\ufffc]")
_SPACE = re.compile(r"\s")
MASK = "•"
"""For each digit of a number that is not shown."""
_STAND_IN = "\N{REPLACEMENT CHARACTER}"
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032", "'"))
_MINUS = "\u2212"
_LARGEST_UNIT = 0xFFFF
"""Above it JSON writes two escapes."""


def visible(text: str) -> str:
    """`text` with each control, bidirectional and invisible character replaced; lines and tabs stay."""
    return _HIDDEN_CHARACTER.sub(_STAND_IN, text)


def on_one_line(text: str) -> str:
    """The same, with line breaks and tabs replaced too: for a value that must not begin a line of its own."""
    return _NOT_ON_ONE_LINE.sub(_STAND_IN, text)


def escaped(json_text: str) -> str:
    """JSON that says the same, with each such character written as an escape."""
    # Looking at each character takes longer than writing them.
    shown = json_text.replace(MASK, "")
    return json_text if shown.isascii() and shown.isprintable() else _HIDDEN_CHARACTER.sub(_escape, json_text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _LARGEST_UNIT:
        return f"\\u{code:04x}"
    high, low = divmod(code - _LARGEST_UNIT - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def without_invisible(text: str) -> str:
    """The text without characters that take no room or look empty. Blanks, tabs and line ends stay."""
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def plain_spelling(text: str) -> str:
    """The text in the characters of a plain keyboard, as far as others only look different: digits of every
    script, dashes, apostrophes, full-width and composed letters. Without blanks and invisible characters.
    """
    while (plain := _plain(text)) != text:
        # Leaving a character out may let its neighbours be composed.
        text = plain
    return text


def column_name(text: str) -> str:
    """A column's name however its file composes accents, and whatever invisible characters or unusual blanks
    it has. Files and templates both spell names so.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SPACE.sub(" ", unicodedata.normalize("NFC", without_invisible(text))).strip()


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", without_invisible(text)).translate(_APOSTROPHES)
    return "".join(
        _plain_character(character) for character in without_invisible(text) if not character.isspace()
    )


def _plain_character(character: str) -> str:
    if character == _MINUS or unicodedata.category(character) == "Pd":
        return "-"
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
