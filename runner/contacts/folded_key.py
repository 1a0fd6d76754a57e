"""Which keys of contacts a suppression list may mean: in doubt a contact is not called. Pure.

For matching against lists only: `0002` and `2` are two contacts, and neither is called where a list has one
of them.
"""

import re

from runner.campaign.characters import plain_spelling

_WHOLE_NUMBER = re.compile(r"\+?([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.0*)?")
_PUNCTUATED = re.compile(r"\+?[(]?[0-9][-()/ 0-9]{6,}")
_BETWEEN_DIGITS = re.compile(r"[^0-9]")
_QUANTITY = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")
_MARKS_OF_TEXT = "='\""
"""Spreadsheets mark text that looks like a number: '0002 or ="0002"."""


def folded_key(key: str) -> str:
    """The same for all keys that other programs make of one: they change the case, the blanks, dashes and
    digits, add invisible characters, drop a plus sign or leading zeros, or write 1001 as 1001.0 or 1,001,
    and phone numbers with other hyphens and brackets. Empty where nothing visible is left.
    """
    if not (key.isascii() and key.isprintable() and " " not in key):
        key = plain_spelling(key)
    key = key.strip(_MARKS_OF_TEXT).casefold()
    number = _WHOLE_NUMBER.fullmatch(key)
    if number is not None or _PUNCTUATED.fullmatch(key):
        digits = number[1] if number else key
        return _BETWEEN_DIGITS.sub("", digits).lstrip("0") or "0"
    return key if key.isascii() else plain_spelling(key)


def is_rounded(key: str) -> bool:
    """Whether a spreadsheet turned the key into a quantity such as 6.17555E+09: its digits are lost."""
    return _QUANTITY.fullmatch(key.strip()) is not None
