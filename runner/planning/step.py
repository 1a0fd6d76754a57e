"""One value of an explanation, with where it comes from."""

from datetime import datetime
from typing import NamedTuple

from runner.campaign.timezones import zone


class Step(NamedTuple):
    """One value that was read or decided. `place` is the place of its rule, such as `campaign.yaml:12`."""

    name: str
    value: str
    because: str = ""
    place: str = ""


def moment(instant: int, zones: tuple[str, ...]) -> str:
    """Local time in the first zone, to the second."""
    local = datetime.fromtimestamp(instant, zone(zones[0]))
    return f"{local:%a %Y-%m-%d %H:%M:%S} {local.tzname()}"


def count(number: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
