"""What servers quote of a contact is hidden, however they write it."""

import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.calls import CallRequest, Metadata
from runner.dispatch.redaction import redact, redacted
from runner.insight.answers import MOST_SHOWN, one_line
from runner.insight.outcome import CampaignBlocked, Refused, Uncertain


def request(**metadata):
    return CallRequest(
        phone_number="tel:+16175550123;ani=6175550100",
        max_attempts=1,
        reattempt_wait=None,
        metadata=Metadata(json.dumps(metadata)),
        result_url="https://hooks.example.org/insight?c=ann@example.org",
    )


def in_named_entities(text):
    return html.escape(text).replace("é", "&eacute;")


WRITTEN = [
    str,
    str.upper,
    str.lower,
    quote,
    quote_plus,
    html.escape,
    in_named_entities,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    lambda text: html.escape(json.dumps(text)),
    lambda text: json.dumps(quote_plus(text)),
    lambda text: quote_plus(quote(text)),
    lambda text: json.dumps({"message": json.dumps({"error": text})}),
]


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize(
    "value",
    ["Ann Marie", "José", "O'Neil & Söhne", "ann@example.org", 'the "Old" Mill / East', "Zoë 😀 Quill"],
)
def test_a_value_is_hidden_however_a_server_writes_it(written, value):
    text = redact(f"field first_name={written(value)}, which is bad", request(first_name=value))
    assert "•••" in text
    assert "which is bad" in text
    assert not any(
        part in text.casefold() for part in ("ann", "jos", "neil", "hne", "example", "mill", "quill")
    )


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_and_the_result_url_are_hidden_however_a_server_writes_them(written):
    body = (
        f"{written('tel:+1 (617) 555-0123')} {written('https://hooks.example.org/insight?c=ann@example.org')}"
    )
    text = redact(body, request())
    assert not any(part in text.casefold() for part in ("555", "0123", "hooks", "ann"))


def test_the_form_that_was_sent_may_be_quoted_whole():
    sent = urlencode({"phone_number": "tel:+16175550123", "metadata[first_name]": "Ann Marie"})
    assert redact(f"Fatal error near {sent}", request(first_name="Ann Marie")) == (
        "Fatal error near phone_number=tel:+•••&metadata[first_name]=•••"
    )


def test_what_reading_brings_to_light_cannot_move_the_cursor():
    said = redact("bad%0A::error::Ann+Marie%1B[2J", request(first_name="Ann Marie"))
    assert said == "bad ::error::••• [2J"


def test_a_name_of_two_characters_is_hidden_where_each_is_a_word():
    assert redact("bad 王伟 in it", request(first_name="王伟", language="it")) == "bad ••• in it"


def test_words_that_hold_a_short_value_stay_as_they_are():
    text = "attempts can only be an integer between 1 and 10; 3 + 2 are not, 100% sure"
    assert redact(text, request(first_name="Ann", middle="E", role="eger")) == text.replace("eger", "•••")


@pytest.mark.parametrize(
    "value", ["Ann  Marie", "Ann Marie ", "Ann\u00a0Marie", "Ann\tMarie\n", "Ann\u200bMarie"]
)
@pytest.mark.parametrize("written", [str, quote_plus, lambda text: json.dumps(text)[1:-1]])
def test_a_value_is_hidden_whatever_its_blanks(written, value):
    said = one_line(f"bad name {written(value)} here")
    assert redact(said, request(first_name=value)) == "bad name ••• here"


@pytest.mark.parametrize(
    "cut", ["Canarina+M", "Canarina+M%", "Canarina+M%C", "Canarina+M%C3", "Canarina M\\u00"]
)
def test_a_cut_in_the_middle_of_an_escape_hides_what_is_left_too(cut):
    said = f"{'x' * (MOST_SHOWN - len(cut) - 1)} {cut}"
    assert "anarina" not in redact(said, request(name="Canarina Müller"))


def test_what_a_cut_leaves_of_a_value_is_hidden_too():
    quoted = f"{'x' * (MOST_SHOWN - 12)} Canarina Fe"
    assert len(quoted) == MOST_SHOWN
    shown = redact(quoted, request(name="Canarina Featherstone"))
    assert shown == f"{'x' * (MOST_SHOWN - 12)} •••"
    assert redact("it names Canarina Fe", request(name="Canarina Featherstone")) == "it names Canarina Fe"


VALUES = st.text(min_size=3, max_size=30).map(one_line).filter(lambda value: len(value) >= 3)


@given(VALUES, st.sampled_from(WRITTEN))
def test_no_value_survives(value, written):
    # What is hidden, or stands in the sentence itself, proves nothing.
    assume(not any(value.casefold() in fixed.casefold() for fixed in ("the server said: ", "•••", ".")))
    assume(value.upper().lower() == value.lower())
    assert value not in redact(one_line(f"the server said: {written(value)}."), request(first_name=value))


def test_every_text_of_an_outcome_is_cleaned():
    contact = request(first_name="Ann Marie")
    assert redacted(Refused(error="bad Ann Marie"), contact).error == "bad •••"
    assert redacted(CampaignBlocked(status=409, error="bad Ann+Marie", advice=""), contact).error == "bad •••"
    uncertain = redacted(Uncertain(reason="odd Ann Marie", status=500, body="bad ANN MARIE"), contact)
    assert (uncertain.reason, uncertain.body) == ("odd •••", "bad •••")
