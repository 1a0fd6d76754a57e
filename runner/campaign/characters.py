"""Invisible characters, and characters that look alike. Pure.

Other programs add such characters when text is copied, exported or corrected.
"""

import re
import unicodedata

# Unicode's Default_Ignorable_Code_Point that is not a format character (Cf), and what is drawn as a blank
# though it counts as a letter, a symbol or a mark.
_IGNORABLE = re.compile(
    "["
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffc"
    "\U00013441\U00013442\U00016fe4\U0001d159\U000e0000-\U000e0fff"
    "]"
)
_SPACE = re.compile(r"\s")
_LEAST_DIGITS = 7
_NUMBER = re.compile(r"['=\"+(]*(?:tel:)?[+(]*[0-9][0-9 ().,/\"'-]*", re.IGNORECASE)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-/.]?[01][0-9]([-/.]?[0-3][0-9])?(?![0-9])|[0-3]?[0-9][-/.][0-3]?[0-9][-/.][0-9]{2}"
)
"""Tables with a column for each day have such names."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032", "'"))
_MINUS = "\u2212"


def without_invisible(text: str) -> str:
    """The text without characters that take no room or look empty. Blanks, tabs and line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character for character in text if not _is_invisible(character))


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


def looks_like_data(name: str) -> bool:
    """Whether a column's name is rather somebody's number or address: then its file has no header line."""
    digits = sum(map(str.isdigit, name))
    if digits < _LEAST_DIGITS or _DATE.match(name):
        return bool(_ADDRESS.fullmatch(name))
    return bool(_NUMBER.fullmatch(name))


def _is_invisible(character: str) -> bool:
    if character.isspace():
        return False
    return unicodedata.category(character) in {"Cc", "Cf"} or bool(_IGNORABLE.match(character))


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
