"""`where`: nobody who said no is called because of the way in which the condition is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.filters import truth
from runner.campaign.template_syntax import TemplateSyntaxError
from runner.campaign.templates import TemplateRenderError, compile_condition


def result(source, **row):
    return truth(compile_condition(source).render(row, {}))


def mistake(source):
    with pytest.raises(TemplateSyntaxError) as raised:
        compile_condition(source)
    return raised.value


@pytest.mark.parametrize(
    "word", ["true", "yes", "y", "1", "on", "t", " Yes ", "TRUE", "2", "-1", "0.5", "1e3"]
)
def test_the_words_for_yes_and_every_number_but_0_are_true(word):
    assert truth(word) is True


@pytest.mark.parametrize(
    "word",
    [
        "",
        " ",
        "false",
        "no",
        "n",
        "0",
        "off",
        "f",
        "none",
        "null",
        "N",
        "NULL",
        "Off",
        "0.0",
        "00",
        "-0",
        "0e5",
        ".0",
    ],
)
def test_the_words_for_no_an_empty_result_and_0_are_false(word):
    assert truth(word) is False


@pytest.mark.parametrize(
    "word", ["nope", "maybe", "ja", "x", "1,5", "1_0", "nan", "inf", "0x1", "٣", "yes no", "."]
)
def test_anything_else_is_neither(word):
    assert truth(word) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_true_but_0(number):
    assert truth(str(number)) is (number != 0)


@pytest.mark.parametrize(
    "source",
    [
        "row.consent == 'Yes'",
        "row.consent",
        "not row.consent",
        "yes",
        "",
        "{{ row.consent }} == 'Yes'",
        "not {{ row.consent }}",
        "{% if row.consent == 'Y' %}call{% else %}skip{% endif %}",
        "{% if row.consent == 'Y' %}true{% endif %}",
        "{{ row.a }}{{ row.b }}",
        "{{ row.a }} {% if row.a == 'x' %}{{ row.b }}{% endif %}",
        "{{ 'row.consent' }}",
        "{{ 'Y' == 'Y' }}",
        "{{ row.state == 'MA' or 'NH' }}",
        "{{ row.consent == 'Y' or true }}",
        "{{ not 'Y' }}",
        "{{ true if 'N' else row.a }}",
        "{{ row.consent in 'Yes' }}",
    ],
)
def test_a_condition_that_would_be_the_same_for_every_row_is_an_error_with_a_hint(source):
    assert mistake(source).hint


def test_a_condition_without_braces_is_shown_with_them():
    assert mistake("row.consent == 'Y'").hint == "write \"{{ row.consent == 'Y' }}\""


@pytest.mark.parametrize(
    "source",
    [
        "{{ row.consent == 'Y' }}",
        "  {{ row.consent == 'Y' }}\n",
        "{{ row.consent in ['Y', 'J'] }}",
        "{{ row.consent }}",
        "{{ 'yes' if row.consent == 'Y' else 'no' }}",
        "{% if row.consent == 'Y' %}\n  {{ true }}\n{% endif %}",
        "{{ row.consent and row.active }}",
        "{{ not row.consent == 'N' }}",
        "{{ row.consent is defined and row.consent }}",
    ],
)
def test_a_condition_separates_those_who_agreed_from_those_who_did_not(source):
    assert result(source, consent="Y", active="1") is True
    assert result(source, consent="N", active="1") is False


@pytest.mark.parametrize("no", ["N", "no", "false", "0", "off", "NULL", "", None, False, 0])
def test_a_false_like_word_is_false_next_to_and_or_not_and_if(no):
    """To Jinja, every text but the empty one is true."""
    assert result("{{ row.consent and row.active }}", consent=no, active="Y") is False
    assert result("{{ row.consent or row.active }}", consent=no, active="N") is False
    assert result("{{ not row.opted_out }}", opted_out=no) is True
    assert result("{{ 'yes' if row.consent else 'no' }}", consent=no) is False
    assert result("{% if row.consent %}{{ row.active }}{% endif %}", consent=no, active="Y") is False


@pytest.mark.parametrize("no", ["N", "no", "false", "0", "off", "NULL", "", None, False, 0])
@pytest.mark.parametrize(
    "source",
    [
        "{{ ('yes' if row.consent else 'no') == 'yes' }}",
        "{{ ('yes' if row.consent else 'no') | upper }}",
        "{{ 'y' if ('a' if row.consent else 'b') in ['a'] else 'n' }}",
        "{{ (row.consent and row.active) == 'Y' }}",
        "{{ (row.consent and row.active) != false }}",
        "{{ (row.consent and row.active) | string }}",
        "{{ (not row.consent) == false }}",
    ],
)
def test_a_false_like_word_is_false_inside_comparisons_and_filters(source, no):
    assert result(source, consent=no, active="Y") is not True


@pytest.mark.parametrize("source", ["{{ row.consent and row.active }}", "{{ not row.consent }}"])
def test_a_word_that_is_neither_yes_nor_no_fails_next_to_them_without_being_shown(source):
    with pytest.raises(TemplateRenderError, match="neither yes nor no") as raised:
        result(source, consent="Annegret", active="Y")
    assert "Annegret" not in raised.value.message


def test_a_value_that_is_compared_keeps_its_meaning():
    assert result("{{ (row.mobile or row.home) != '' }}", mobile="", home="555 0100") is True
    assert result("{{ row.tags and 'vip' in row.tags }}", tags=["vip"]) is True
