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
from phonenumbers.tzdata import TIMEZONE_DATA

from runner.contacts.places import states
from runner.planning.zones import agree

TABLES = Path("runner/contacts/place_data")

STATES_BY_NAME = {each.name: code for code, each in states().items()} | {
    "British Colombia": "BC",
    "Washington D.C.": "DC",
    "Washington State": "WA",
}

WITHOUT_NAME = {"670": "MP", "671": "GU", "684": "AS", "787": "PR", "939": "PR", "340": "VI"}
"""Area codes of the territories: the library knows them as countries of their own."""

IN_SEVERAL_STATES = {"257", "782", "867", "902"}

OVERLAYS = {
    "235": "573",
    "274": "920",
    "324": "904",
    "327": "870",
    "329": "845",
    "353": "608",
    "369": "707",
    "645": "305",
    "686": "804",
    "728": "561",
    "730": "618",
    "738": "213",
    "748": "970",
    "821": "864",
    "975": "816",
}
"""Area codes so new that the list of ZIP codes lacks them, each with one that serves the same places."""

CANADIAN = {"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"}
IN_ALL_ZONES_OF_THE_PROVINCE = {
    *("236", "250", "257", "672", "778"),  # British Columbia without Vancouver: Cranbrook, Fort Nelson
    *("306", "474", "639"),  # Saskatchewan, with Lloydminster
    *("367", "418", "581"),  # Eastern Quebec: the Magdalen Islands and Blanc-Sablon
    *("709", "879"),  # Newfoundland and Labrador
    "807",  # Northwestern Ontario: Thunder Bay and Kenora
    "867",  # The three territories
}
"""The other area codes of Canada are in one zone, which the library has."""

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


ZIP_CODES = [
    each
    for each in sorted(zipcodes.list_all(), key=lambda each: each["zip_code"])
    if each["zip_code_type"] in PEOPLE and each["state"] in states() and not each["city"].startswith(NOBODY)
]


def area_codes() -> Iterator[tuple[str, str, str]]:
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
        yield code, " ".join(sorted(served)), " ".join(zones_of_area_code(code, served))


def zones_of_area_code(code: str, served: set[str]) -> list[str]:
    """All of them, of those with the same clock one; empty where the library has them all, or knows every
    exchange.
    """
    zones = list(known := TIMEZONE_DATA.get(f"1{code}", ()))
    if not known:
        return []
    for name in of_zip_codes(code, served) or in_canada(code, served):
        if not any(agree(((name,), (other,))) for other in zones):
            zones.append(name)
    return sorted(zones) if len(zones) > len(known) else []


def of_zip_codes(code: str, served: set[str]) -> list[str]:
    """In the states of the area code: the list has codes of neighbours for addresses at a border."""
    listed = OVERLAYS.get(code, code)
    return sorted(
        zone
        for each in ZIP_CODES
        if listed in each["area_codes"] and each["state"] in served
        for zone in zones_of_zip_code(each)
    )


def in_canada(code: str, served: set[str]) -> list[str]:
    if code in IN_ALL_ZONES_OF_THE_PROVINCE:
        return [zone for each in sorted(served) for zone in states()[each].zones]
    if code not in WITHOUT_NAME and not served <= CANADIAN:
        raise ValueError(f"no ZIP code has area code {code}: add it to OVERLAYS")
    return []


def zones_of_zip_code(listed: dict[str, str]) -> list[str]:
    return IN_TWO_ZONES.get(listed["zip_code"], listed["timezone"]).split()


def is_american(code: str) -> bool:
    number = phonenumbers.parse(f"+1{code}3450000")
    return phonenumbers.region_code_for_number(number) in {"US", "CA"}


def state(name: str) -> str:
    return name if name in states() else STATES_BY_NAME[name]


def zip_codes() -> Iterator[tuple[str, str, str, str]]:
    """Neighbouring codes of one state and zone as one row, within the first three digits."""
    rows = [(each["zip_code"], each["state"], " ".join(zones_of_zip_code(each))) for each in ZIP_CODES]
    for (_, in_state, zones), some in groupby(rows, key=lambda row: (row[0][:3], *row[1:])):
        codes = [code for code, _, _ in some]
        yield codes[0], codes[-1], in_state, zones


def write(name: str, sources: str, columns: str, rows: Iterable[tuple[str, ...]]) -> None:
    lines = [f"# Written by .ci/places.py. {sources}", columns, *(",".join(row) for row in rows)]
    (TABLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


write(
    "area_codes.csv",
    f"Sources: the geocoding and time zone data of libphonenumber, in phonenumbers "
    f"{version('phonenumbers')}; zip_codes.csv. Without zones: those of the library.",
    "area_code,states,zones",
    area_codes(),
)
write(
    "zip_codes.csv",
    f"Sources: the package zipcodes {version('zipcodes')} of June 2026 (from USPS ZIP Locale Detail "
    "and other public lists); zones in doubt: 49 CFR 71.",
    "first,last,state,zones",
    zip_codes(),
)
