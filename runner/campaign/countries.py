"""The country codes of ISO 3166, from the list in the `tzdata` package. Pure."""

from functools import cache
from importlib.resources import files

_NOT_IN_ISO = {"XK", "AC", "TA"}
"""Kosovo, Ascension and Tristan da Cunha have numbers of their own."""

_MEANT = {
    "UK": "GB", "EN": "GB", "SP": "ES", "JA": "JP", "EL": "GR", "KO": "KR", "CS": "CZ", "DA": "DK",
    "SU": "RU",
}  # fmt: skip
"""Codes that are in use, though ISO 3166 has another. Those of languages are among them."""


@cache
def codes() -> frozenset[str]:
    """Every code that a campaign may use."""
    listed = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] for line in listed if line and not line.startswith("#")) | _NOT_IN_ISO


def country_hint(code: str) -> str:
    """What was probably meant by a code that does not exist."""
    meant = _MEANT.get(code)
    return f"did you mean `{meant}`?" if meant else "write two capital letters of ISO 3166, such as US"
