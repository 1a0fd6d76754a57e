"""What the sandbox, like a strict server, finds wrong with a queue request."""

import pytest

from runner.insight.sandbox.checks import first_error, record_error

NOW = 1_796_166_000.0


def error(**fields: str | dict[str, str]) -> str | None:
    return first_error({"phone_number": "tel:+16175551234", **fields}, NOW)


@pytest.mark.parametrize(
    "phone",
    [
        # The documentation's own examples.
        "6175551234",
        "tel:+16175551234",
        "tel:16175551234;ani=2125551234",
        "tel:16175551234;ani=2125551234;postd=2",
        # What runner sends.
        "tel:+16175551234;ani=+12125551234",
        "tel:+442079460958;postd=12*#,9",
    ],
)
def test_each_documented_form_of_a_number_is_accepted(phone: str) -> None:
    assert first_error({"phone_number": phone}, NOW) is None


@pytest.mark.parametrize(
    "phone",
    [
        "617-555-1234",
        "(617) 555 1234",
        " 6175551234",
        "6175551234\n",
        "555",
        "tel:",
        "tel:+0175551234",
        "tel:+1617555123456789",
        "sip:6175551234",
        "tel:+16175551234;ext=5",
        "tel:+16175551234;",
        "٦١٧٥٥٥١٢٣٤",
    ],
)
def test_any_other_number_is_refused(phone: str) -> None:
    assert first_error({"phone_number": phone}, NOW) == "phone_number is not a valid phone number."


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (";ani=", "ani is not valid."),
        (";ani=12", "ani is not valid."),
        (";ani=212555x234", "ani is not valid."),
        (";postd=", "postd is not valid."),
        (";postd=a", "postd is not valid."),
        (";ani=2125551234;ani=2125551235", "ani and postd can only be given once."),
        (";postd=1;postd=2", "ani and postd can only be given once."),
    ],
)
def test_each_suffix_is_checked(suffix: str, said: str) -> None:
    assert first_error({"phone_number": f"tel:+16175551234{suffix}"}, NOW) == said


def test_a_number_is_required() -> None:
    assert first_error({}, NOW) == "phone_number is required."


ATTEMPTS = "attempts can only be an integer between 1 and 10."
WAIT = "reattempt_wait must be a number of seconds."


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"colour": "red"}, "colour is not a valid parameter."),
        ({"metadata": "a"}, "metadata must be an array."),
        ({"result_url": {"0": "a"}}, "only metadata can be an array."),
        ({"start_timestamp": "soon"}, "start_timestamp must be a Unix timestamp."),
        ({"start_timestamp": ""}, "start_timestamp must be a Unix timestamp."),
        ({"start_timestamp": "-5"}, "start_timestamp must be a Unix timestamp."),
        ({"end_timestamp": "1.5"}, "end_timestamp must be a Unix timestamp."),
        (
            {"start_timestamp": "1796166100", "end_timestamp": "1796166100"},
            "end_timestamp must be after start_timestamp.",
        ),
        ({"end_timestamp": "1796166000"}, "end_timestamp must be in the future."),
        ({"max_attempts": "0"}, ATTEMPTS),
        ({"max_attempts": "11", "reattempt_wait": "60"}, ATTEMPTS),
        ({"max_attempts": "two"}, ATTEMPTS),
        ({"max_attempts": ""}, ATTEMPTS),
        ({"max_attempts": "2"}, "reattempt_wait is required when max_attempts is greater than 1."),
        ({"max_attempts": "2", "reattempt_wait": "0"}, WAIT),
        ({"max_attempts": "2", "reattempt_wait": "1h"}, WAIT),
        ({"result_url": "hooks.example.org"}, "result_url is not a valid URL."),
        ({"result_url": "mailto:me@example.org"}, "result_url is not a valid URL."),
        ({"result_url": "http://"}, "result_url is not a valid URL."),
        ({"result_url": "http://[::1/"}, "result_url is not a valid URL."),
        ({"result_url": "http://127.0.0.1:99999/"}, "result_url is not a valid URL."),
        ({"result_url": "http://127.0.0.1:0/"}, "result_url is not a valid URL."),
    ],
)
def test_each_field_has_its_error(fields: dict[str, str | dict[str, str]], said: str) -> None:
    assert error(**fields) == said


@pytest.mark.parametrize(
    "fields",
    [
        {"max_attempts": "1"},
        {"max_attempts": "10", "reattempt_wait": "60"},
        {"max_attempts": "1", "reattempt_wait": "60"},
        {"start_timestamp": "1"},
        {"start_timestamp": "1796166100", "end_timestamp": "1796166101"},
        {"metadata": {"first_name": "Ann", "note": ""}},
        {"result_url": "https://hooks.example.org:8443/insight?a=1"},
    ],
)
def test_good_fields_are_accepted(fields: dict[str, str | dict[str, str]]) -> None:
    assert error(**fields) is None


def test_a_record_of_texts_for_a_metadatabase_is_taken() -> None:
    assert record_error({"metadatabase": "visits", "record": '{"first_name": "Ann", "note": ""}'}) is None


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"record": '{"a": "b"}'}, "metadatabase is required."),
        ({"metadatabase": "visits"}, "record must be a JSON object of texts."),
        ({"metadatabase": "visits", "record": "{}"}, "record must be a JSON object of texts."),
        ({"metadatabase": "visits", "record": '["a"]'}, "record must be a JSON object of texts."),
        ({"metadatabase": "visits", "record": '{"a": 1}'}, "record must be a JSON object of texts."),
        ({"metadatabase": "visits", "record": "{'a': 'b'}"}, "record must be a JSON object of texts."),
        ({"metadatabase": "visits", "record": '{"a": "b"}', "x": "y"}, "x is not a valid parameter."),
    ],
)
def test_a_record_of_another_form_is_refused(form: dict[str, str], message: str) -> None:
    assert record_error({**form}) == message
