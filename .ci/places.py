"""Writes the tables of area codes and ZIP codes that `runner.contacts.places` reads.

    pip install zipcodes==3.0.0; python .ci/places.py

Runner does not need the package `zipcodes` itself, which takes 56 MB of memory and up to a second to load,
and up to 2 ms for each code.
"""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import phonenumbers
import zipcodes
from phonenumbers.geodata import GEOCODE_DATA

from runner.contacts.places import states

TABLES = Path("runner/contacts/place_data")

STATES_BY_NAME = {each.name: code for code, each in states().items()} | {
    "British Colombia": "BC",
    "Washington D.C.": "DC",
    "Washington State": "WA",
}

WITHOUT_NAME = {"670": "MP", "671": "GU", "684": "AS", "787": "PR", "939": "PR", "340": "VI"}
"""Area codes of the territories: the library knows them as countries of their own."""

IN_SEVERAL_STATES = {"257", "782", "867", "902"}

IN_TWO_ZONES = {
    # Chambers, Lee and Russell County in Alabama keep Eastern time with Columbus, Georgia.
    **dict.fromkeys(
        ("36854", "36863", "36867", "36868", "36869", "36870", "36874", "36877"),
        "America/Chicago America/New_York",
    ),
    "37405": "America/Chicago America/New_York",  # Chattanooga; the list says Central
    "42757": "America/Chicago America/New_York",  # Magnolia, in Hart and Larue County
    "57532": "America/Chicago America/Denver",  # Fort Pierre, in Stanley County
    "58535": "America/Chicago America/Denver",  # Flasher, in Morton and Grant County
    "58838": "America/Chicago America/Denver",  # Cartwright, in McKenzie County
    "67857": "America/Chicago America/Denver",  # Kendall, in Hamilton and Kearny County
    "79847": "America/Chicago America/Denver",  # Salt Flat, in Hudspeth and Culberson County
    "79942": "America/Denver",  # El Paso
    "83522": "America/Boise America/Los_Angeles",  # Cottonwood, in Idaho County
    # The Navajo Nation has daylight saving time, the rest of Arizona has none.
    **dict.fromkeys(("86003", "86040", "86045", "86502"), "America/Denver America/Phoenix"),
    "89883": "America/Denver America/Los_Angeles",  # West Wendover
    "99634": "America/Anchorage",  # Napakiak
}
"""Where the list and 49 CFR 71 differ, or the place lies in two zones. Found by comparing the zone of each
code with the one at its coordinates.
"""

NOBODY = ("Apo", "Dpo", "North Pole", "Parcel Return")
"""Names of places that are not where the person is."""

PEOPLE = {"STANDARD", "PO BOX", "UNIQUE"}
"""Not MILITARY: such an address says nothing about where the person is."""


def area_codes() -> Iterator[tuple[str, str]]:
    names: dict[str, set[str]] = {}
    for prefix, described in sorted(GEOCODE_DATA.items(), key=lambda each: len(each[0])):
        code = prefix[1:4]
        # The name of an area code comes before those of places in it, and is enough.
        says_more = prefix == "1" + code or "1" + code not in GEOCODE_DATA
        if prefix.startswith("1") and says_more and "en" in described and is_american(code):
            names.setdefault(code, set()).add(described["en"].rsplit(", ", 1)[-1])
    for code in sorted(names.keys() | WITHOUT_NAME.keys()):
        served = {state(each) for name in names.get(code, ()) for each in name.split("/")}
        served = served or {WITHOUT_NAME[code]}
        if len(served) > 1 and code not in IN_SEVERAL_STATES:
            raise ValueError(f"area code {code} is in {served}")
        yield code, " ".join(sorted(served))


def is_american(code: str) -> bool:
    number = phonenumbers.parse(f"+1{code}3450000")
    return phonenumbers.region_code_for_number(number) in {"US", "CA"}


def state(name: str) -> str:
    return name if name in states() else STATES_BY_NAME[name]


def zip_codes() -> Iterator[tuple[str, str, str, str]]:
    """Neighbouring codes of one state and zone as one row, within the first three digits."""
    rows = [
        (each["zip_code"], each["state"], IN_TWO_ZONES.get(each["zip_code"], each["timezone"]))
        for each in sorted(zipcodes.list_all(), key=lambda each: each["zip_code"])
        if each["zip_code_type"] in PEOPLE
        and each["state"] in states()
        and not each["city"].startswith(NOBODY)
    ]
    for (_, in_state, zones), some in groupby(rows, key=lambda row: (row[0][:3], *row[1:])):
        codes = [code for code, _, _ in some]
        yield codes[0], codes[-1], in_state, zones


def write(name: str, sources: str, columns: str, rows: Iterable[tuple[str, ...]]) -> None:
    lines = [f"# Written by .ci/places.py. {sources}", columns, *(",".join(row) for row in rows)]
    (TABLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


write(
    "area_codes.csv",
    f"Source: the geocoding data of libphonenumber, in phonenumbers {version('phonenumbers')}.",
    "area_code,states",
    area_codes(),
)
write(
    "zip_codes.csv",
    f"Sources: the package zipcodes {version('zipcodes')} of June 2026 (from USPS ZIP Locale Detail "
    "and other public lists); zones in doubt: 49 CFR 71.",
    "first,last,state,zones",
    zip_codes(),
)
