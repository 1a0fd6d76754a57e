"""Which number of a row is called: of several templates, of several in one cell, and of which countries and
tariffs. Pure.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from runner.calls import Reason
from runner.campaign.model import Contacts
from runner.contacts.phone import (
    PhoneError,
    country_of,
    has_special_tariff,
    is_of_country,
    parse_phone,
    several_numbers,
)

_SEVERAL = "it has several numbers; `several_numbers: first` takes the first"


class Tried(NamedTuple):
    """What one text gives."""

    position: int
    """Of its template in `contacts.phone`, from 1."""
    phone: str
    """The first number that may be called, in E.164 form; empty if there is none."""
    others: tuple[str, ...]
    """The other numbers in it."""
    reason: Reason | None = None
    """Why none may be called. `detail` holds no digits."""
    detail: str = ""


class Chosen(NamedTuple):
    """The number to call, and the other numbers of the row."""

    phone: str
    others: tuple[str, ...]


class NoNumberError(ValueError):
    """No number of the row may be called. The message holds no digits."""

    def __init__(self, reason: Reason, detail: str, numbers: Sequence[str]) -> None:
        super().__init__(detail)
        self.reason = reason
        self.numbers = numbers
        """Those that the row has all the same."""


class NumberRules:
    """What `contacts` says about numbers."""

    def __init__(self, contacts: Contacts) -> None:
        self._takes_first = contacts.several_numbers == "first"
        self._countries = frozenset(contacts.countries or ())
        self._premium_rate = contacts.premium_rate

    def choose(self, texts: Sequence[str], region: str | None) -> Chosen:
        """The first number that may be called. An empty text is passed over, if there are others.

        `region` is the country of numbers without a country code. Raises NoNumberError.
        """
        if len(texts) == 1:
            # Of a million rows most are like this.
            only = self._try(1, texts[0], region)
            if only.reason is None:
                return Chosen(only.phone, only.others)
        tried = list(self.tried(texts, region))
        taken = next((each for each in tried if each.reason is None), None)
        if taken is None:
            raise _no_number(tried)
        numbers = dict.fromkeys(number for each in tried for number in (each.phone, *each.others) if number)
        return Chosen(taken.phone, tuple(number for number in numbers if number != taken.phone))

    def tried(self, texts: Sequence[str], region: str | None) -> Iterator[Tried]:
        """What each text gives; without the empty ones, if there are others."""
        some = any(texts)
        for position, text in enumerate(texts, 1):
            if text or not some:
                yield self._try(position, text, region)

    def _try(self, position: int, text: str, region: str | None) -> Tried:
        try:
            number = parse_phone(text, region)
        except PhoneError as error:
            return self._try_several(position, several_numbers(text, region), error)
        refused = self._refused(number)
        if refused is None:
            return Tried(position, number, ())
        return Tried(position, "", (number,), *refused)

    def _try_several(self, position: int, numbers: tuple[str, ...], error: PhoneError) -> Tried:
        """Of a text that is not one number."""
        if not numbers:
            return Tried(position, "", (), Reason.INVALID_PHONE, str(error))
        if not self._takes_first:
            return Tried(position, "", numbers, Reason.INVALID_PHONE, _SEVERAL)
        refused = {number: self._refused(number) for number in numbers}
        taken = next((number for number, why in refused.items() if why is None), "")
        others = tuple(number for number in numbers if number != taken)
        if taken:
            return Tried(position, taken, others)
        return Tried(position, "", others, *(refused[numbers[0]] or ()))

    def _refused(self, number: str) -> tuple[Reason, str] | None:
        """Why a valid number is not called."""
        if self._countries and not is_of_country(number, self._countries):
            where = country_of(number) or "no country"
            allowed = ", ".join(sorted(self._countries))
            return Reason.COUNTRY, f"it is a number of {where}, and contacts.countries allows {allowed}"
        if not self._premium_rate and has_special_tariff(number):
            return Reason.PREMIUM_RATE, "it is a number with a special tariff (premium rate or shared cost)"
        return None


def _no_number(tried: Sequence[Tried]) -> NoNumberError:
    first = tried[0]
    detail = first.detail
    if any(each.detail != detail for each in tried):
        detail = "; ".join(f"number {each.position}: {each.detail}" for each in tried)
    numbers = [number for each in tried for number in each.others]
    return NoNumberError(first.reason or Reason.INVALID_PHONE, detail, numbers)
