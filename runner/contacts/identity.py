"""Who a contact is: how keys are compared, and how contacts are named where people may read it. Pure."""

import hmac
import marshal
import re

from runner.characters import plain_spelling

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0 and o, 1, i and l, which people confuse when they read a ref to each other."""
_REFS = len(_LETTERS) ** 10
_PAIRS = [first + second for second in _LETTERS for first in _LETTERS]
_LONGEST_LABEL = 40
_DIGITS_OF_A_NUMBER = 7
_AT_ONCE = 500
"""Values that are hashed together: one by one takes half as long again."""
_MARSHAL_FORMAT = 2
_DIGIT = re.compile(r"[0-9]")
_PUNCTUATION = re.compile(r"[\W_]")
_ALL_OF_A_NUMBER = re.compile(rf"[0-9]{{{_DIGITS_OF_A_NUMBER}}}")

_WHOLE_NUMBER = re.compile(r"\+?([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.0*)?")
_PUNCTUATED = re.compile(r"\+?[(]?[0-9][-()/ 0-9]{6,}")
_NOT_DIGITS = re.compile(r"[^0-9]")
_QUANTITY = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")
_MARKS_OF_TEXT = "='\""
"""Spreadsheets mark text that looks like a number: '0002 or ="0002"."""

Plain = str | int | float | None | tuple["Plain", ...]


def folded_key(key: str) -> str:
    """For matching with suppression lists only, where in doubt a contact is not called: `0002` and `2` are
    two contacts, and neither is called where a list has one of them.

    The same for all keys that other programs make of one: they change the case, the blanks, dashes and
    digits, add invisible characters, drop a plus sign or leading zeros, or write 1001 as 1001.0 or 1,001,
    and phone numbers with other hyphens and brackets. Empty where nothing visible is left.
    """
    if not (key.isascii() and key.isprintable() and " " not in key):
        key = plain_spelling(key)
    key = key.strip(_MARKS_OF_TEXT).casefold()
    number = _WHOLE_NUMBER.fullmatch(key)
    if number is not None or _PUNCTUATED.fullmatch(key):
        digits = number[1] if number else key
        return _NOT_DIGITS.sub("", digits).lstrip("0") or "0"
    return key if key.isascii() else plain_spelling(key)


def is_rounded(key: str) -> bool:
    """Whether a spreadsheet turned the key into a quantity such as 6.17555E+09: its digits are lost."""
    return _QUANTITY.fullmatch(key.strip()) is not None


class Identity:
    """Names for contacts, made from hashes keyed with the ledger's privacy key.

    A plain hash would not do: all ten-digit numbers can be hashed in hours.
    """

    def __init__(self, privacy_key: bytes) -> None:
        self._key = privacy_key
        self._keyed = hmac.new(privacy_key, digestmod="sha256")

    def ref(self, key: str) -> str:
        """Ten characters that identify the contact with this key."""
        number = int.from_bytes(self._hmac(f"ref:{key}")) % _REFS
        # Its five digits to the base 961, each as two letters; written out, since there may be a million.
        return (
            f"{_PAIRS[number % 961]}{_PAIRS[number // 961 % 961]}{_PAIRS[number // 961**2 % 961]}"
            f"{_PAIRS[number // 961**3 % 961]}{_PAIRS[number // 961**4]}"
        )

    def digest(self, text: str) -> str:
        """A keyed hash in hexadecimal."""
        return self._hmac(text).hex()

    def digest_of_many(self) -> "Digest":
        """A keyed hash of many values in their order, of which few are in memory at a time."""
        return Digest(self._key)

    def label(self, key: str) -> str:
        """What people read for this contact: its key, unless that may be a number, an address or a name."""
        return self.ref(key) if may_tell_who_it_is(key) else key

    def _hmac(self, text: str) -> bytes:
        # A copy has the key in it already, and there may be a million texts.
        keyed = self._keyed.copy()
        keyed.update(text.encode())
        return keyed.digest()


class Digest:
    """A keyed hash of all added values, in their order."""

    def __init__(self, key: bytes) -> None:
        self._whole = hmac.new(key, digestmod="sha256")
        self._waiting: list[Plain] = []

    def add(self, value: Plain) -> None:
        """Raises ValueError for what is not plain."""
        self._waiting.append(value)
        if len(self._waiting) >= _AT_ONCE:
            self._update()

    def hexadecimal(self) -> str:
        self._update()
        return self._whole.hexdigest()

    def _update(self) -> None:
        # Distinguishes all values, in half the time of `repr`. Later formats of `marshal` say how
        # often a text is in memory, too.
        self._whole.update(marshal.dumps(self._waiting, _MARSHAL_FORMAT))
        self._waiting.clear()


def may_tell_who_it_is(key: str) -> bool:
    """Whether the key may be a number, an address or a name."""
    # Identifiers have no spaces or accents; names of people do.
    if not key.isascii() or " " in key:
        return True
    if "@" in key or len(key) > _LONGEST_LABEL or not key.isprintable():
        return True
    digits = len(_DIGIT.findall(key))
    if digits < _DIGITS_OF_A_NUMBER:
        return False
    together = _ALL_OF_A_NUMBER.search(_PUNCTUATION.sub("", key))
    return bool(together) or 2 * digits > sum(map(str.isalnum, key))
