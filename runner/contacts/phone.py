"""Parses phone numbers as people write them. Pure; the only module that uses `phonenumbers`."""

import re
import unicodedata
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, ValidationResult, timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from runner.characters import MASK, without_invisible
from runner.contacts.places import zones_of_area_code

_UNKNOWN_ZONE = "Etc/Unknown"
_SHOWN_DIGITS = 3
_LONGEST_TEXT = 250
_LONGEST_E164 = 16
"""ITU-T E.164 allows 15 digits; the data behind `phonenumbers` takes some German numbers of 17."""

_TOO_SHORT = {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}


_E164 = re.compile(r"\+[0-9]+")
_KEYS = re.compile(r"[0-9*#,]*")
_EXTENSION = re.compile(
    r"(?<=[0-9)])[\s,.(-]*"
    r"(?:(?:;\s*ext\s*=|(?:e?xt(?:ensi[o\u00f3]n|n)?|int|anexo|\u0434\u043e\u0431|x|\#|~)[.:]*)[\s.:#-]*[0-9]{1,7}\#?"
    r"|\s[\s-]*[0-9]{1,7}\#)\)?$",
    re.IGNORECASE,
)
ROUNDED = (
    "a spreadsheet turned it into a number like 6.17555E+09 and its digits are lost: "
    "format the column as text and export it again"
)
_TOO_LONG = "it is too long"
_REFUSED = (
    (r"", "it is empty"),
    (r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+", ROUNDED),
    (
        r"[+-]?\d{1,3}(,\d{3}){2,}(\.\d*)?",
        "a spreadsheet wrote it as a number with commas: format the column as text and export it again",
    ),
    (r"\D*[^\W\d_]\D*", "it contains letters and no digits"),
    (r"\D*", "it contains no number"),
    (r"\D*0(\D*0)*\D*", "it contains only zeros"),
    (r".*;\s*[A-Za-z].*", "it contains a semicolon: ani and postd are set by caller_id and post_dial only"),
    (r".*[^\W\d_].*", "it contains letters"),
    (r".*[*#].*", "it contains a * or #: keys to press after the call connects belong in post_dial"),
)
"""What is not a number, or has keys of a phone behind it, and why."""
_HAS_EXTENSION = "it has an extension: leave that out here and dial it with post_dial"
_SEVERAL = "it may be more than one number"
_BETWEEN_NUMBERS = re.compile(r"[/,|;&\n]")
_SEPARATORS = re.compile(r"[/,|;&\n]|\s(?:or|and|oder|und|ou|et)\s", re.IGNORECASE)
_WRITTEN_LIKE_A_DASH = str.maketrans(dict.fromkeys("\u30fc\u2212\u00b7\u2022\u2219", "-"))
"""Next to digits: the long vowel sign of Japanese, a minus sign, and dots in the middle of the line."""
_LONGEST_AREA_CODE = 6
_LONGEST_AREA_CODE_ABROAD = 8
"""Digits; the latter with the country code before it."""
_LONGEST_GROUP = 4
_HARDLY_ANY = 2
_LEAST_DIGITS = 7
"""With fewer, the part before a slash or comma is not a separate number."""
_NORTH_AMERICA = 1
_PREMIUM_AREA, _PREMIUM_EXCHANGE = "900", "976"
"""In North America only such numbers have a special tariff. A test holds this against the library's data."""
_SPECIAL_TARIFFS = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
_OF_A_PLACE = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
}
_NO_COUNTRY = "001"
"""What the library has for numbers of the whole world."""
_MEXICO = 52
_OF_NO_PLACE = "+18005550100"
"""A toll-free number: the library gives it every zone of North America."""

# The usual spellings of a North American number, in which nothing has to be taken off or looked for. Dots go
# with dots alone, since a spreadsheet writes `6175550.0`.
_USUAL = re.compile(
    r"(?:\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})"
    r"|(?:\+?1[ -])?(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[ -])([2-9][0-9]{2})[ -]([0-9]{4})"
    r"|(?:\+?1\.)?([2-9][0-9]{2})\.([2-9][0-9]{2})\.([0-9]{4})"
)
_WITHOUT_PREFIX_OF_THEIR_OWN = frozenset({"US", "CA"})
_DECIDING_DIGITS = 6
"""By so many digits it is decided whether a number is one of the United States or Canada, of which type, and
in which zones. A test holds this against the library's data.
"""
_AREA_CODE_DIGITS = 3
_EXCHANGE_LENGTHS = range(_AREA_CODE_DIGITS + 1, _DECIDING_DIGITS + 1)
"""Of the first digits of which the library may know more than of the area code."""
_PLACES_REMEMBERED = 65_536
_LONGEST_COUNTRY_CODE = 3


class PhoneError(ValueError):
    """The text is not a number that can be dialled. The message says why, without its digits."""


def parse_phone(text: str, region: str | None) -> str:
    """The E.164 form of a number as people, forms and spreadsheets write it.

    `region` (ISO 3166, such as US) is the country of numbers without a country code. Raises PhoneError.
    """
    usual = _usual_number(text, region)
    if usual is not None:
        return usual
    cleaned = _clean(text)
    if _EXTENSION.search(cleaned) and not _ends_in_a_key(cleaned, region):
        raise PhoneError(_HAS_EXTENSION)
    return _read(cleaned, region)


def parse_main_number(text: str, region: str | None) -> str:
    """The same, where an extension may follow the number: it is left out. Raises PhoneError."""
    usual = _usual_number(text, region)
    if usual is not None:
        return usual
    cleaned = _clean(text)
    if _ends_in_a_key(cleaned, region):
        return _read(cleaned.rstrip("#"), region)
    return _read(_EXTENSION.sub("", cleaned), region)


def is_region(text: str) -> bool:
    """Whether this is a country with phone numbers, such as US."""
    return text in phonenumbers.SUPPORTED_REGIONS


def looks_like_number(text: str) -> bool:
    """Whether the text is meant as a phone number, valid or not: with a plus sign, or at least seven digits
    and no letters. An extension may follow.
    """
    try:
        cleaned = _EXTENSION.sub("", _clean(text))
    except PhoneError:
        return False
    if cleaned.startswith("+"):
        return True
    return _digits_in(cleaned) >= _LEAST_DIGITS and not any(map(str.isalpha, cleaned))


def several_numbers(text: str, region: str | None) -> tuple[str, ...]:
    """The valid numbers of a text that holds several, such as `617-555-0100 / 617-555-0101`; else empty.

    Each part that has digits must have enough for a number: `030 / 1234567 x` is not two numbers.
    """
    try:
        parts = [part for part in _SEPARATORS.split(_clean(text)) if _digits_in(part)]
    except PhoneError:
        return ()
    if len(parts) < 2 or any(_digits_in(part) < _LEAST_DIGITS for part in parts):  # noqa: PLR2004 - several
        return ()
    found: dict[str, None] = {}
    for part in parts:
        with suppress(PhoneError):
            found[parse_phone(part, region)] = None
    return tuple(found)


def zones_of(e164: str) -> tuple[str, ...]:
    """The IANA zones in which this number may be, sorted; empty when unknown."""
    decided = _decided_by(e164[2 : 2 + _DECIDING_DIGITS]) if _is_north_american(e164) else None
    return _zones_of(e164) if decided is None else decided


def _zones_of(e164: str) -> tuple[str, ...]:
    return tuple(sorted(set(timezone.time_zones_for_number(_parsed(e164))) - {_UNKNOWN_ZONE}))


def may_be_anywhere(e164: str) -> bool:
    """Whether this is a North American number of no place, such as a toll-free one."""
    return e164.startswith("+1") and zones_of(e164) == zones_of(_OF_NO_PLACE)


def country_of(e164: str) -> str:
    """The country of a number (ISO 3166); empty for those that belong to none, such as satellite phones."""
    if _is_north_american(e164):
        region = _country_by(e164[2 : 2 + _DECIDING_DIGITS])
        if region in _WITHOUT_PREFIX_OF_THEIR_OWN:
            return str(region)
    region = phonenumbers.region_code_for_number(_parsed(e164))
    return "" if region in {None, _NO_COUNTRY} else str(region)


def is_abroad(e164: str) -> bool:
    """Whether the number belongs to a country other than the United States and Canada."""
    return country_of(e164) not in {"", *_WITHOUT_PREFIX_OF_THEIR_OWN}


def is_of_country(e164: str, countries: AbstractSet[str]) -> bool:
    """Whether the number belongs to one of these. A North American toll-free number belongs to all there."""
    if country_of(e164) in countries:
        return True
    is_shared = _is_north_american(e164) and phonenumbers.number_type(_parsed(e164)) not in _OF_A_PLACE
    return is_shared and any(map(_in_north_america, countries))


def has_special_tariff(e164: str) -> bool:
    """Whether the one who calls pays more, or a part: premium rate and shared cost."""
    if _is_north_american(e164) and e164[2:5] != _PREMIUM_AREA and e164[5:8] != _PREMIUM_EXCHANGE:
        return False
    return phonenumbers.number_type(_parsed(e164)) in _SPECIAL_TARIFFS


def is_toll_free(e164: str) -> bool:
    return phonenumbers.number_type(_parsed(e164)) == PhoneNumberType.TOLL_FREE


def dial_string(e164: str, ani: str, post_dial: str) -> str:
    """The canonical `tel:+E164[;ani=…][;postd=…]` of Insight's queue request.

    `e164` and `ani` are E.164 numbers; `ani` is sent as the API documents it: ten national digits for +1,
    else all digits. An empty `ani` or `post_dial` is left out.
    `post_dial` are keys pressed after the call connects. Raises PhoneError for anything but 0-9 * # and
    comma, so that contact data cannot add another suffix.
    """
    if not _E164.fullmatch(e164):
        raise PhoneError("only a number in E.164 format can be dialled or shown")
    return f"tel:{e164}{_suffixes(ani, post_dial)}"


# Most campaigns have one caller ID for all, some one for each of a few sites.
@lru_cache(maxsize=256)
def _suffixes(ani: str, post_dial: str) -> str:
    if ani and not _E164.fullmatch(ani):
        raise PhoneError("only a number in E.164 format can be dialled or shown")
    if post_dial and not _KEYS.fullmatch(post_dial):
        raise PhoneError("only digits, * # and , can be dialled after the call connects")
    shown = f";ani={ani.removeprefix('+1').removeprefix('+')}" if ani else ""
    return shown + (f";postd={post_dial}" if post_dial else "")


def mask(e164: str) -> str:
    """`+1•••••••701`: the country code and the last three digits; enough to recognise, not to dial."""
    country = f"+{_country_code(e164)}"
    hidden = len(e164) - len(country) - _SHOWN_DIGITS
    return f"{country}{MASK * hidden}{e164[-_SHOWN_DIGITS:]}"


def data_version() -> str:
    return version("phonenumbers")


def _usual_number(text: str, region: str | None) -> str | None:
    """The number, where its spelling is usual and its first digits say that it is valid; else None.

    Lists of a million numbers are read this way: the library takes ten times as long for each.
    """
    usual = _USUAL.fullmatch(text)
    if usual is None or not (text[0] == "+" or region in _WITHOUT_PREFIX_OF_THEIR_OWN):
        return None
    national = usual[1] or "".join(filter(None, usual.groups()))
    return None if _decided_by(national[:_DECIDING_DIGITS]) is None else f"+1{national}"


@lru_cache(maxsize=_PLACES_REMEMBERED)
def _decided_by(first_digits: str) -> tuple[str, ...] | None:
    """The zones of every number of the United States and Canada that begins so; None where there is none, and
    for the other countries of the numbering plan, whose numbers are decided by more digits.
    """
    sample = f"+1{first_digits}0000"
    if phonenumbers.region_code_for_number(_parsed(sample)) not in _WITHOUT_PREFIX_OF_THEIR_OWN:
        return None
    return tuple(sorted({*_zones_of(sample), *_further_zones(first_digits)}))


def _further_zones(first_digits: str) -> tuple[str, ...]:
    """Those of the area code, where the library does not know the exchange: then it has the same zones for
    the whole area code, in some too few or a wrong one (689, Orlando: Chicago).
    """
    if any(f"1{first_digits[:length]}" in TIMEZONE_DATA for length in _EXCHANGE_LENGTHS):
        return ()
    return zones_of_area_code(first_digits[:_AREA_CODE_DIGITS])


def _is_north_american(e164: str) -> bool:
    return e164.startswith("+1") and len(e164) == 12  # noqa: PLR2004 - +1 and ten digits


@lru_cache(maxsize=_PLACES_REMEMBERED)
def _country_by(first_digits: str) -> str | None:
    region: str | None = phonenumbers.region_code_for_number(_parsed(f"+1{first_digits}0000"))
    return region


def _in_north_america(country: str) -> bool:
    return bool(phonenumbers.country_code_for_region(country) == _NORTH_AMERICA)


@lru_cache(maxsize=1024)
def _parsed(e164: str) -> PhoneNumber:
    """What the library makes of a number in E.164 form, without its search for how people write numbers."""
    country = _country_code(e164)
    national = e164[1 + len(str(country)) :]
    zeros = len(national) - len(national.lstrip("0"))
    return PhoneNumber(
        country_code=country,
        national_number=int(national),
        italian_leading_zero=True if zeros else None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )


def _country_code(e164: str) -> int:
    return _country_code_of(e164[1 : 1 + _LONGEST_COUNTRY_CODE])


@lru_cache(maxsize=1024)
def _country_code_of(first_digits: str) -> int:
    """No country code begins with another one."""
    return next(
        code
        for length in range(1, _LONGEST_COUNTRY_CODE + 1)
        if (code := int(first_digits[:length])) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    )


def _clean(text: str) -> str:
    """Removes what spreadsheets and web pages add to a number. Raises PhoneError."""
    if len(text) > _LONGEST_TEXT:
        raise PhoneError(_TOO_LONG)
    cleaned = without_invisible(unicodedata.normalize("NFKC", without_invisible(text)))
    cleaned = re.sub(r"(?i)^tel:", "", cleaned.strip().removeprefix("'").strip())
    cleaned = re.sub(r"(?<=\d)[\s;,/|]+$", "", cleaned.translate(_WRITTEN_LIKE_A_DASH))
    # A spreadsheet that took the number for a quantity: the digits are all there.
    return re.sub(r"^(\+?\d{7,15})\.0+$", r"\1", cleaned)


def _read(cleaned: str, region: str | None) -> str:
    """Raises PhoneError."""
    for pattern, why in _REFUSED:
        if re.fullmatch(pattern, cleaned, re.DOTALL):
            raise PhoneError(why)
    cleaned = _international(_without_slashes(cleaned, region), region)
    if _BETWEEN_NUMBERS.search(cleaned):
        raise PhoneError(_why_not_one_number(cleaned))
    try:
        number = phonenumbers.parse(cleaned, region)
    except NumberParseException as error:
        raise PhoneError(_why_unreadable(error, cleaned, region)) from None
    if number.extension:
        raise PhoneError(_HAS_EXTENSION)
    if not phonenumbers.is_valid_number(number):
        raise PhoneError(_why_invalid(number))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(e164) > _LONGEST_E164:
        raise PhoneError(_TOO_LONG)
    return e164


def _ends_in_a_key(cleaned: str, region: str | None) -> bool:
    """Whether it is a number and then the key #, which some dial to end what they enter."""
    if not cleaned.endswith("#"):
        return False
    try:
        return bool(_read(cleaned.rstrip("#"), region))
    except PhoneError:
        return False


def _without_slashes(cleaned: str, region: str | None) -> str:
    """A number whose area code or groups of digits end in a slash, as in 030/901820, written with blanks."""
    parts = cleaned.split("/")
    if len(parts) == 2:  # noqa: PLR2004 - the area code and the rest
        is_one = _is_area_code(parts[0], region)
    else:
        is_one = all(_digits_in(part) <= _LONGEST_GROUP for part in parts)
    return cleaned.replace("/", " ") if is_one else cleaned


def _is_area_code(text: str, region: str | None) -> bool:
    digits = re.sub(r"\D", "", text)
    if text.lstrip(" (").startswith(("+", "00")):
        return len(digits) <= _LONGEST_AREA_CODE_ABROAD
    # Where area codes begin with a zero, other digits before a slash are a local number.
    prefix = phonenumbers.ndd_prefix_for_region(region or "", strip_non_digits=True)
    return len(digits) <= _LONGEST_AREA_CODE and (prefix != "0" or digits.startswith("0"))


def _digits_in(text: str) -> int:
    return sum(map(str.isdigit, text))


def _why_not_one_number(cleaned: str) -> str:
    digits = [_digits_in(part) for part in _BETWEEN_NUMBERS.split(cleaned)]
    if digits[0] >= _LEAST_DIGITS or sorted(digits)[-2] >= _LEAST_DIGITS - 1:
        return _SEVERAL
    return "it contains a character that is not valid in a phone number: use spaces or hyphens"


def _international(cleaned: str, region: str | None) -> str:
    """North America dials abroad with 011; lists made elsewhere write 00, which begins no number there."""
    if region and phonenumbers.country_code_for_region(region) == _NORTH_AMERICA:
        return re.sub(r"^00(?!\D*0)", "+", cleaned)
    return cleaned


def _why_unreadable(error: NumberParseException, cleaned: str, region: str | None) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        if cleaned.startswith("+") or region in phonenumbers.SUPPORTED_REGIONS:
            return "unknown country code"
        if region:
            return "it has no country code, and contacts.region is not a country with phone numbers"
        return "it has no country code, and contacts.region gives none"
    if _digits_in(cleaned) <= _HARDLY_ANY or error.error_type in {
        NumberParseException.TOO_SHORT_NSN,
        NumberParseException.TOO_SHORT_AFTER_IDD,
    }:
        return "it is too short"
    if error.error_type == NumberParseException.TOO_LONG:
        return f"{_TOO_LONG}; perhaps it is more than one number"
    return "it contains a character that is not valid in a phone number"


def _why_invalid(number: PhoneNumber) -> str:
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    where = f"in {region}" if region not in {"001", "ZZ"} else f"under +{number.country_code}"
    if number.country_code == _MEXICO and _is_valid_without_old_prefix(number):
        return f"numbers {where} have no 1, 044 or 045 before the area code since 2019: leave it out"
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in _TOO_SHORT:
        return f"it is too short for a number {where}"
    if possible == ValidationResult.TOO_LONG:
        return f"it is too long for a number {where}"
    return f"this number does not exist {where}"


def _is_valid_without_old_prefix(number: PhoneNumber) -> bool:
    national = re.sub(r"^0*(1|44|45)", "", str(number.national_number))
    shorter = PhoneNumber(country_code=number.country_code, national_number=int(national or "0"))
    return phonenumbers.is_valid_number(shorter)
