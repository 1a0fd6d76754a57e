import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.results.token import Attempt, Tokens

MINE = Tokens(b"a privacy key of some length", "ledger-1")
ATTEMPTS = st.builds(Attempt, st.integers(1, 2**63 - 1), st.integers(1, 2**31 - 1))


@given(ATTEMPTS)
def test_a_token_leads_back_to_its_attempt(attempt):
    token = MINE.token(attempt)
    assert MINE.attempt(token) == attempt
    assert token == token.lower()
    assert token.isalnum()


@given(ATTEMPTS, st.integers(0, 51), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_token_with_one_other_character_is_not_accepted(attempt, place, character):
    token = MINE.token(attempt)
    forged = token[:place] + character + token[place + 1 :]
    assert MINE.attempt(forged) == (attempt if forged == token else None)


@given(ATTEMPTS)
def test_a_token_of_another_ledger_or_key_is_not_accepted(attempt):
    token = MINE.token(attempt)
    assert Tokens(b"a privacy key of some length", "ledger-2").attempt(token) is None
    assert Tokens(b"another privacy key", "ledger-1").attempt(token) is None


def test_attempts_of_one_call_have_different_tokens():
    assert MINE.token(Attempt(7, 1)) != MINE.token(Attempt(7, 2))


@given(st.text(max_size=60))
def test_any_text_that_is_not_a_token_is_not_accepted(text):
    assert MINE.attempt(text) is None


@pytest.mark.parametrize("change", [str.upper, lambda token: token + "=", lambda token: f" {token}"])
def test_a_token_in_another_form_is_not_accepted(change):
    assert MINE.attempt(change(MINE.token(Attempt(1, 1)))) is None
