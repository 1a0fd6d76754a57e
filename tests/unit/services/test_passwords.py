"""Which passwords are taken, and that a check takes as long for nobody as for anybody."""

import pytest

from runner.errors import UsageError
from runner.services.passwords import OF_NOBODY, check_strong, is_password, password_hash


def test_a_password_is_known_again_however_its_accents_are_written():
    stored = password_hash("Stra\u00dfe caf\u00e9 lamps")
    assert is_password("Stra\u00dfe cafe\u0301 lamps", stored)
    assert not is_password("Strasse cafe lamps", stored)


def parameters(stored):
    return stored.split("$")[:4]


def test_the_hash_of_nobody_costs_as_much_as_any_other():
    assert parameters(OF_NOBODY) == parameters(password_hash("seven quiet green lamps"))
    assert not is_password("", "")


@pytest.mark.parametrize("password", ["", "eleven char", "ana@example.org", "ANA@example.org1", "x" * 1025])
def test_a_weak_password_is_refused(password):
    with pytest.raises(UsageError, match="password"):
        check_strong(password, "ana@example.org")


@pytest.mark.parametrize("password", ["twelve chars", "ana likes green lamps", "x" * 1024])
def test_a_long_password_is_taken(password):
    check_strong(password, "ana")
