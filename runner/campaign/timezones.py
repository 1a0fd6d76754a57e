"""Which time zones exist, their rules, and which one an unknown name probably means. Pure.

Names and rules come from the `tzdata` package, never from the system: the two differ (in 13 zones for the
years 2026 to 2028 on Debian 12), and a plan must come out the same on machines with the same packages.

A wrong suggestion is worse than none: somebody takes it, and people are called at the wrong hour. So a name
is suggested only where it is a usual other name of that zone, or its city is misspelt by a letter or two.
"""

import re
import zoneinfo
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo

# An empty search path leaves zoneinfo only the tzdata package to read from.
zoneinfo.reset_tzpath(to=())

_NOT_PLACES = frozenset({
    "CET", "CST6CDT", "EET", "EST", "EST5EDT", "Factory", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST",
    "MET", "MST", "MST7MDT", "PST8PDT", "UCT", "Universal", "WET", "Zulu",
})  # fmt: skip
"""IANA's abbreviations and fixed offsets, next to all of `Etc/`. `EST` has no summer time, so with
it for New York calls would be an hour late from March to November.
"""

_MOSTLY_THE_SAME = 0.82
_LONGEST_NAME = 80


@cache
def names() -> frozenset[str]:
    """Every name that a campaign or a row may use: IANA's names of places, and UTC."""
    return frozenset(
        name
        for name in zoneinfo.available_timezones()
        if name not in _NOT_PLACES and not name.startswith("Etc/")
    )


def zone(name: str) -> ZoneInfo:
    """The rules of the zone called `name`. Raises KeyError when there is no such zone."""
    if name not in names():
        raise KeyError(name)
    return ZoneInfo(name)


def zone_hint(name: str) -> str:
    """`did you mean …?`, or empty where nothing is near enough."""
    meant = usual_zone(name) or near_zone(name)
    return f"did you mean `{meant}`?" if meant else ""


def usual_zone(name: str) -> str:
    """The zone of an abbreviation, an offset, a Windows name or a city without a zone; else empty."""
    return usual_zones().get(_plain(name), "") if len(name) <= _LONGEST_NAME else ""


def near_zone(name: str) -> str:
    """The zone with nearly the same spelling; empty where none is near enough to be meant."""
    if len(name) > _LONGEST_NAME:
        return ""
    area, _, city = _plain(name).rpartition("/")
    known = {place: zone for place, zone in _zones_by_city().items() if not area or place[0] == area}
    cities = {place[1]: zone for place, zone in known.items()}
    near = get_close_matches(city, cities, n=1, cutoff=_MOSTLY_THE_SAME)
    return cities[near[0]] if near else ""


@cache
def _zones_by_city() -> dict[tuple[str, str], str]:
    """(area, city), both plain, → zone."""
    found = {}
    for zone in sorted(names()):
        area, _, city = _plain(zone).rpartition("/")
        found[area, city] = zone
    return found


def _plain(name: str) -> str:
    """`pacific` for `Pacific Standard Time` and `Pacific Time (US & Canada)`."""
    words = re.sub(r"\(us & canada\)|[_.,()]|(?<=[a-z])-(?=[a-z])", " ", name.casefold())
    words = re.sub(r"\b(standard|daylight|summer|savings?|time)\b", " ", words)
    return "".join(words.split())


@cache
def usual_zones() -> dict[str, str]:
    """Every usual other name, in its plain form → the zone."""
    found: dict[str, str] = {}
    for line in _NAMES.replace("\n  ", " ").splitlines():
        zone, _, others = line.partition(": ")
        found |= {_plain(form): zone for name in others.split(", ") for form in _forms(name)}
    return found


def _forms(name: str) -> list[str]:
    """Of `-5` also `UTC-5`, `GMT-05:00` and so on, and `Etc/GMT+5`, whose sign is the other way round."""
    if not re.fullmatch("[+-][0-9]+", name):
        return [name]
    sign, number = name[0], int(name[1:])
    forms = (f"{number}", f"{number}:00", f"{number:02}", f"{number:02}:00", f"{number:02}00")
    etc = f"Etc/GMT{'+' if sign == '-' else '-'}{number}"
    return [etc, *(f"{prefix}{sign}{form}" for prefix in ("", "UTC", "GMT") for form in forms)]


_NAMES = """\
America/New_York: -5, ET, EST, EDT, EST5EDT, Eastern, US Eastern, New York, America/Boston,
  America/Washington, America/Washington_DC, America/Miami, America/Atlanta, America/Philadelphia,
  America/Charlotte, America/Orlando, America/Tampa, America/Pittsburgh, America/Cleveland,
  America/Baltimore
America/Chicago: -6, CT, CST, CDT, CST6CDT, Central, US Central, America/Dallas, America/Houston,
  America/Austin, America/San_Antonio, America/Minneapolis, America/St_Louis, America/Milwaukee,
  America/Nashville, America/New_Orleans, America/Kansas_City, America/Memphis
America/Denver: -7, MT, MST, MDT, MST7MDT, Mountain, America/Salt_Lake_City, America/Albuquerque
America/Phoenix: Arizona, US Mountain, America/Tucson
America/Los_Angeles: -8, PT, PST, PDT, PST8PDT, Pacific, US Pacific, America/San_Francisco,
  America/San_Diego, America/Seattle, America/Portland, America/Las_Vegas, America/Sacramento,
  America/San_Jose
America/Anchorage: -9, AKT, AKST, AKDT, Alaska, Alaskan
Pacific/Honolulu: -10, HT, HST, HDT, Hawaii, Hawaiian, America/Honolulu
America/Puerto_Rico: Puerto Rico, America/San_Juan
America/Halifax: -4, AT, AST, ADT, Atlantic
America/St_Johns: NT, NST, NDT, Newfoundland
America/Toronto: America/Ottawa, America/Quebec
America/Edmonton: America/Calgary
America/Regina: Canada Central
America/Mexico_City: Central (Mexico), Mexico City
America/Guatemala: Central America
America/Bogota: SA Pacific
America/Sao_Paulo: BRT, E. South America, America/Rio_de_Janeiro, America/Brasilia
America/Argentina/Buenos_Aires: ART, Argentina
Europe/London: GMT, GMT0, BST, Europe/Manchester, Europe/Edinburgh, Europe/Cardiff, Europe/Birmingham
Europe/Dublin: Ireland
Europe/Lisbon: WET, WEST
Europe/Berlin: +1, CET, CEST, MET, MEZ, MESZ, W. Europe, Central European, Europe/Munich, Europe/Frankfurt,
  Europe/Hamburg, Europe/Cologne
Europe/Paris: Romance, Europe/Lyon, Europe/Marseille
Europe/Madrid: Europe/Barcelona
Europe/Rome: Europe/Milan
Europe/Zurich: Europe/Geneva, Europe/Bern, Europe/Basel
Europe/Budapest: Central Europe
Europe/Athens: +2, EET, EEST, Eastern European
Europe/Bucharest: GTB
Europe/Kyiv: FLE
Europe/Istanbul: TRT, Turkey Standard
Europe/Moscow: +3, MSK, Russian, Russia, Europe/St_Petersburg
Africa/Johannesburg: SAST, South Africa, Africa/Cape_Town
Africa/Lagos: WAT, W. Central Africa, Africa/Abuja
Africa/Nairobi: EAT, E. Africa
Asia/Jerusalem: IDT
Asia/Dubai: Arabian, Asia/Abu_Dhabi
Asia/Riyadh: Arab, Asia/Jeddah
Asia/Karachi: PKT, Pakistan, Asia/Islamabad, Asia/Lahore
Asia/Kolkata: IST, India, Asia/Bombay, Asia/Mumbai, Asia/Delhi, Asia/New_Delhi, Asia/Madras, Asia/Chennai,
  Asia/Bangalore, Asia/Bengaluru, Asia/Hyderabad, +5:30, +05:30, UTC+5:30, UTC+05:30, GMT+5:30
Asia/Shanghai: +8, China, Asia/Beijing, Asia/Peking, Asia/Shenzhen, Asia/Guangzhou
Asia/Singapore: SGT, Singapore Standard
Asia/Tokyo: +9, JST, Tokyo, Asia/Osaka, Asia/Kyoto
Asia/Seoul: KST, Korea
Australia/Sydney: +10, AET, AEST, AEDT, AUS Eastern
Australia/Brisbane: E. Australia
Australia/Adelaide: ACST, ACDT, Cen. Australia
Australia/Perth: AWST, W. Australia
Pacific/Auckland: +12, NZT, NZST, NZDT, New Zealand, Pacific/Wellington
UTC: +0, Z, Zulu, UCT, Universal, Coordinated Universal, Etc/UTC, Etc/UCT, Etc/GMT, Etc/GMT0, Etc/Zulu,
  Etc/Universal, Etc/Greenwich, Greenwich, Factory, GMT+0, GMT-0
"""
"""Zone: its other names. They are hours from UTC outside summer, where that place is usually meant,
abbreviations, Windows names without `Standard Time`, and cities.
"""
