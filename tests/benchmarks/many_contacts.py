"""Contacts by the million: made up, each number valid, no two alike, the same ones every time."""

import csv
import random
from pathlib import Path

COLUMNS = (
    "id", "first_name", "last_name", "phone", "lang", "site", "visit", "consent", "city", "state", "zip",
    "risk",
)  # fmt: skip
THE_REST = ("Y", "Springfield", "MA", "01103", "3")
"""Columns that no template reads."""

AREA_CODES = (
    212, 312, 303, 213, 617, 415, 713, 214, 305, 404, 206, 602, 503, 612, 314, 216, 410, 704, 919, 901, 504,
    502, 317, 414, 402, 505, 801, 702, 808, 907, 605, 701,
)  # fmt: skip
"""Each wholly or partly in one of nine zones."""


def write_contacts(path: Path, count: int) -> None:
    """`count` rows of twelve columns."""
    numbers = _numbers(count, random.Random(5))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, number in enumerate(numbers):
            lang = "ES" if i % 3 else "EN"
            visit = f"2026-11-{1 + i % 28:02}"
            writer.writerow(
                [
                    f"v-{i:07}",
                    f"ann{i % 977}",
                    f"lee{i % 1013}",
                    number,
                    lang,
                    f"site {i % 40}",
                    visit,
                    *THE_REST,
                ]
            )


def write_suppressed(path: Path, count: int, contacts: int) -> None:
    """The numbers of `count` of so many contacts."""
    every = contacts // count
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone"])
        writer.writerows([number] for number in _numbers(contacts, random.Random(5))[::every])


def _numbers(count: int, random_numbers: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        exchange = random_numbers.randint(200, 999)
        # 555 and N11 are no subscribers' exchanges.
        if exchange == 555 or exchange % 100 == 11:
            continue
        area = random_numbers.choice(AREA_CODES)
        found[f"{area}{exchange}{random_numbers.randint(0, 9999):04}"] = None
    return list(found)
