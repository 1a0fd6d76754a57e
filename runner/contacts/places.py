"""In which states and time zones an address or an area code of the United States or Canada may be. Pure.

A state is one of the United States, its district or territories, or a Canadian province or territory. What
cannot be read says nothing: it is never an error. The tables are in `place_data`, with their sources; each is
read when it is first needed.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

_REMEMBERED = 65_536
_COUNTRY_CODE = "+1"
_LENGTH = 12
"""Of a North American number: +1 and ten digits."""

_ZIP = re.compile(r"([0-9]{5})(-?[0-9]{4})?")
_ZIP_WITHOUT_ZEROS = re.compile(r"([0-9]{3,4})(-[0-9]{4})?")
"""A spreadsheet that took it for a number removed zeros at its beginning."""
_CANADIAN = re.compile(r"([ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z])([0-9][ABCEGHJ-NPRSTV-Z][0-9])?")


class State(NamedTuple):
    code: str
    """The two letters of the post, which ISO 3166-2 has after the country."""
    name: str
    zones: tuple[str, ...]
    """IANA zones in use there; of several with the same clock one."""


class Place(NamedTuple):
    state: str
    zones: tuple[str, ...]


class _AreaCode(NamedTuple):
    states: frozenset[str]
    zones: tuple[str, ...]


_NO_AREA_CODE = _AreaCode(frozenset(), ())


def possible_states(number: str, postal_code: str, state: str) -> frozenset[str]:
    """The codes of the states in which the contact may be; empty where unknown, and abroad.

    `number` is E.164. The state decides where it can be read, then the postal code, then the area code.
    """
    place = read_state(state) or read_postal_code(postal_code)
    return frozenset({place.state}) if place else states_of_number(number)


def states_of_number(number: str) -> frozenset[str]:
    """Those that its area code serves; empty for toll-free numbers, and abroad."""
    if len(number) != _LENGTH or not number.startswith(_COUNTRY_CODE):
        return frozenset()
    return _area_codes().get(number[2:5], _NO_AREA_CODE).states


def zones_of_area_code(area_code: str) -> tuple[str, ...]:
    """All in which it is in use, where the library behind `phone` lacks some of them; else empty."""
    return _area_codes().get(area_code, _NO_AREA_CODE).zones


@lru_cache(maxsize=_REMEMBERED)
def read_postal_code(text: str) -> Place | None:
    """The place of a ZIP code (with or without its four further digits), or of a Canadian postal code or the
    first half of one.
    """
    compact = "".join(text.split()).upper()
    if found := _ZIP.fullmatch(compact) or _ZIP_WITHOUT_ZEROS.fullmatch(compact.removesuffix(".0")):
        return _of_zip_code(found[1].zfill(5))
    found = _CANADIAN.fullmatch(compact.replace("-", ""))
    return _of_area(found[1]) if found else None


@lru_cache(maxsize=_REMEMBERED)
def read_state(text: str) -> Place | None:
    """The place of a state, given by its code (MA, US-MA) or its English name."""
    found = _states_by_text().get(_folded(text))
    return Place(found.code, found.zones) if found else None


@cache
def states() -> dict[str, State]:
    """By code."""
    return {code: State(code, name, tuple(zones.split())) for code, name, _, zones in _rows("states.csv")}


def _of_zip_code(code: str) -> Place | None:
    starts, ends, places = _zip_codes()
    index = bisect_right(starts, code) - 1
    return places[index] if index >= 0 and code <= ends[index] else None


def _of_area(area: str) -> Place | None:
    table = _canadian_areas()
    return table.get(area) or table.get(area[0])


@cache
def _area_codes() -> dict[str, _AreaCode]:
    return {
        code: _AreaCode(frozenset(served.split()), tuple(zones.split()))
        for code, served, zones in _rows("area_codes.csv")
    }


@cache
def _zip_codes() -> tuple[list[str], list[str], list[Place]]:
    """First and last code of each row, and its place."""
    rows = list(_rows("zip_codes.csv"))
    places = [Place(state, tuple(zones.split())) for _, _, state, zones in rows]
    return [row[0] for row in rows], [row[1] for row in rows], places


@cache
def _canadian_areas() -> dict[str, Place]:
    return {
        prefix: Place(province, tuple(zones.split()) or states()[province].zones)
        for prefix, province, zones in _rows("canada.csv")
    }


@cache
def _states_by_text() -> dict[str, State]:
    countries = {code: country for code, _, country, _ in _rows("states.csv")}
    return {
        _folded(text): state
        for code, state in states().items()
        for text in (code, f"{countries[code]}-{code}", state.name)
    }


def _folded(text: str) -> str:
    """Without case, accents, and the signs and blanks between words."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(character for character in plain.casefold() if character.isalnum())


def _rows(name: str) -> Iterator[list[str]]:
    """Of a table without its comments and its header."""
    text = (files("runner.contacts") / "place_data" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return (line.split(",") for line in lines[1:])
