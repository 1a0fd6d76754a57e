"""Which number of a row is called: of several templates, of several in a cell, by country and by tariff."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calls import Reason
from runner.campaign.loader import parse_campaign
from runner.contacts.numbers import NoNumberError, NumberRules

MOBILE, HOME = "617-555-0100", "212-555-0101"
MOBILE_E164, HOME_E164 = "+16175550100", "+12125550101"
LONDON, PREMIUM, SAN_JUAN = "+442071838750", "900-555-0100", "787-555-0100"
TOLL_FREE, SHARED_COST = "800-555-0100", "+4918012345"


def rules(more=""):
    text = f"""\
version: 1
name: follow-up
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: visits.csv}}]
  phone: "{{{{ row.phone }}}}"
  {more}
calling_windows: {{weekly: {{daily: "09:15-17:00"}}}}
"""
    return NumberRules(parse_campaign(text, "campaign.yaml").campaign.contacts)


def refused(texts, more="", region="US"):
    with pytest.raises(NoNumberError) as raised:
        rules(more).choose(texts, region)
    return raised.value.reason, str(raised.value)


@pytest.mark.parametrize(
    ("texts", "phone", "others"),
    [
        ([MOBILE], MOBILE_E164, ()),
        ([MOBILE, HOME], MOBILE_E164, (HOME_E164,)),
        (["", HOME], HOME_E164, ()),
        (["n/a", HOME], HOME_E164, ()),
        (["617-555", HOME, ""], HOME_E164, ()),
        ([MOBILE, "+1 617 555 0100"], MOBILE_E164, ()),
        # A number that may not be called is passed over, but still the contact's.
        ([PREMIUM, HOME], HOME_E164, ("+19005550100",)),
    ],
)
def test_the_first_number_that_may_be_called_is_chosen(texts, phone, others):
    assert rules().choose(texts, "US") == (phone, others)


def test_without_a_number_each_text_says_why():
    assert refused(["n/a", "", "617-555"]) == (
        Reason.INVALID_PHONE,
        "number 1: it contains letters and no digits; number 3: it is too short for a number in US",
    )
    assert refused(["617-555", ""]) == (Reason.INVALID_PHONE, "it is too short for a number in US")
    assert refused(["", ""]) == (Reason.INVALID_PHONE, "it is empty")


SEVERAL = [
    f"{MOBILE} / {HOME}",
    f"{MOBILE}/{HOME}",
    f"{MOBILE}; {HOME}",
    f"{MOBILE}, {HOME}",
    f"{MOBILE} or {HOME}",
    f"{MOBILE}\n{HOME}",
    f"{MOBILE} and {HOME}",
    f"(617) 555-0100 | {HOME}",
    "6175550100;2125550101",
]


@pytest.mark.parametrize("text", SEVERAL)
def test_a_cell_with_several_numbers_is_excluded_unless_the_first_is_wanted(text):
    reason, detail = refused([text])
    assert reason is Reason.INVALID_PHONE
    assert detail == "it has several numbers; `several_numbers: first` takes the first"
    assert rules("several_numbers: first").choose([text], "US") == (MOBILE_E164, (HOME_E164,))


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        (f"617-555-010 / {HOME}", HOME_E164),
        (f"{MOBILE} x12 / {HOME}", HOME_E164),
        (f"{PREMIUM} / {HOME}", HOME_E164),
        (f"{MOBILE} / {MOBILE}", MOBILE_E164),
    ],
)
def test_of_several_in_a_cell_the_first_that_may_be_called_is_chosen(text, phone):
    assert rules("several_numbers: first").choose([text], "US").phone == phone


@pytest.mark.parametrize(
    "text", ["617-555-0100 / 0101", "617-555-0100, after 5", "call 617-555-0100 or mail", "0171 / 1234567 x"]
)
def test_a_part_too_short_for_a_number_makes_the_cell_unreadable(text):
    reason, detail = refused([text], "several_numbers: first")
    assert reason is Reason.INVALID_PHONE
    assert "several_numbers" not in detail


def test_a_cell_with_several_numbers_is_passed_over_for_the_next_text():
    assert rules().choose([SEVERAL[0], "415-555-0100"], "US") == (
        "+14155550100",
        (MOBILE_E164, HOME_E164),
    )


@pytest.mark.parametrize("number", [MOBILE, SAN_JUAN, TOLL_FREE])
def test_numbers_of_the_countries_are_called(number):
    assert rules("countries: [US, PR]").choose([number], "US")


@pytest.mark.parametrize(
    ("number", "countries", "where"),
    [
        (LONDON, "US, PR", "GB"),
        (SAN_JUAN, "US", "PR"),
        ("416-555-0100", "US", "CA"),
        ("+18765550100", "US", "JM"),
        ("+881612345678", "US", "no country"),
        (TOLL_FREE, "GB", "US"),
    ],
)
def test_numbers_elsewhere_are_not_called(number, countries, where):
    reason, detail = refused([number], f"countries: [{countries}]")
    assert reason is Reason.COUNTRY
    assert detail.startswith(f"it is a number of {where}, and contacts.countries allows ")


@pytest.mark.parametrize(
    "number", [PREMIUM, "+1 246 976 5550", SHARED_COST, "+44 9061 234567", "+33 899 12 34 56"]
)
def test_numbers_with_a_special_tariff_are_called_only_if_allowed(number):
    assert rules("premium_rate: true").choose([number], "US").phone
    assert refused([number])[0] is Reason.PREMIUM_RATE


def test_a_message_holds_no_digits_of_the_number():
    for texts in ([PREMIUM], [LONDON], [SEVERAL[0]], ["617-555", "n/a"]):
        assert "555" not in refused(texts, "countries: [CA]")[1]


@given(
    st.lists(st.sampled_from(["", MOBILE, HOME, "n/a", PREMIUM, SEVERAL[0], LONDON]), min_size=1, max_size=4)
)
def test_the_chosen_number_and_the_others_are_all_valid_numbers_of_the_texts(texts):
    present = {
        number
        for text in texts
        for number, written in zip(
            (MOBILE_E164, HOME_E164, "+19005550100", LONDON), (MOBILE, HOME, PREMIUM, LONDON), strict=True
        )
        if written in text
    }
    if present <= {"+19005550100"} or not any(text in {MOBILE, HOME, LONDON} for text in texts):
        with pytest.raises(NoNumberError):
            rules().choose(texts, "US")
        return
    chosen = rules().choose(texts, "US")
    assert {chosen.phone, *chosen.others} == present
    assert chosen.phone not in chosen.others
