import pytest

from runner.calls import Reason
from runner.campaign.model import Campaign
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.contact_builder import build_contacts


def campaign(*, sources=None, **contacts):
    return Campaign.model_validate(
        {
            "version": 1,
            "name": "follow-up",
            "survey": {"survey_id": "48211", "instance_id": "3"},
            "contacts": {
                "sources": sources or [{"type": "csv", "path": "visits.csv"}],
                "phone": "{{ row.phone }}",
                "region": "US",
                **contacts,
            },
            "calling_windows": {"weekly": {"daily": "09:00-17:00"}},
            "vars": {"site": "Boston"},
        }
    )


def entries(declared, *rows):
    """The roster of rows that all come from the first source; the first row is line 2."""
    source = declared.contacts.sources[0]
    numbered = enumerate(rows, start=2)
    return list(
        build_contacts(
            declared,
            ((source, Row(source="visits.csv", line=line, values=values)) for line, values in numbered),
        )
    )


def reasons(found):
    return [entry.reason if isinstance(entry, Exclusion) else entry.key for entry in found]


def test_a_row_becomes_a_contact_with_all_that_was_declared():
    declared = campaign(
        key="{{ row.id }}",
        timezone="{{ row.tz }}",
        postal_code="{{ row.zip }} ",
        state="MA",
        priority="{{ row.risk }}",
        not_before="{{ row.earliest }}",
        not_after="2026-12-24",
    )
    row = {
        "id": " 7 ",
        "phone": "617 555 1234",
        "tz": " America/New_York ",
        "zip": "02139",
        "risk": "1.5",
        "earliest": "2026-12-01",
    }
    (contact,) = entries(declared, row)
    assert contact == Contact(
        key="7",
        phone="+16175551234",
        others=(),
        timezone="America/New_York",
        postal_code="02139",
        state="MA",
        priority=1.5,
        not_before="2026-12-01",
        not_after="2026-12-24",
        row=Row(source="visits.csv", line=2, values=row),
    )


def test_the_first_number_of_several_templates_is_the_contacts_and_the_others_are_kept():
    declared = campaign(phone=["{{ row.mobile }}", "{{ row.home }}"])
    (contact,) = entries(declared, {"mobile": "617 555 1234", "home": "212 555 1234"})
    assert (contact.key, contact.phone, contact.others) == ("+16175551234", "+16175551234", ("+12125551234",))


def test_a_source_may_have_its_own_numbers_and_region():
    source = {"type": "csv", "path": "v.csv", "phone": ["{{ row.tel }}", "{{ row.tel2 }}"], "region": "GB"}
    (contact,) = entries(campaign(sources=[source]), {"tel": "", "tel2": "020 7183 8750"})
    assert contact.phone == "+442071838750"


@pytest.mark.parametrize(
    ("country", "phone", "expected"),
    [
        ("US", "617 555 1234", "+16175551234"),
        ("gb ", "020 7183 8750", "+442071838750"),
        ("UK", "020 7183 8750", "+442071838750"),
        ("", "+44 20 7183 8750", "+442071838750"),
    ],
)
def test_the_region_of_a_row_is_that_of_its_template(country, phone, expected):
    (contact,) = entries(campaign(region="{{ row.country }}"), {"country": country, "phone": phone})
    assert contact.phone == expected


@pytest.mark.parametrize(
    ("country", "detail"),
    [
        ("Massachusetts", "contacts.region is not a country code such as US for this row"),
        ("", "it has no country code, and contacts.region gives none"),
    ],
)
def test_a_row_without_a_known_region_is_excluded(country, detail):
    row = {"country": country, "phone": "617 555 1234"}
    (excluded,) = entries(campaign(region="{{ row.country }}", key="7"), row)
    assert (excluded.reason, excluded.detail) == (Reason.INVALID_PHONE, detail)


@pytest.mark.parametrize(
    ("contacts", "phone", "reason"),
    [
        ({"countries": ["CA"]}, "617 555 1234", Reason.COUNTRY),
        ({}, "617 555 1234 x5", Reason.INVALID_PHONE),
        ({"where": "{{ row.id == '8' }}"}, "617 555 1234", Reason.FILTERED),
        ({"where": "{{ row.id == '8' }}"}, "617 555 1234 x5", Reason.FILTERED),
    ],
)
def test_a_number_that_is_not_called_is_known_since_its_key_may_be_suppressed_later(contacts, phone, reason):
    (excluded,) = entries(campaign(key="{{ row.id }}", **contacts), {"id": "7", "phone": phone})
    assert (excluded.reason, excluded.phone) == (reason, "+16175551234")


def test_without_a_key_the_number_is_the_key():
    (contact,) = entries(campaign(), {"phone": "617 555 1234"})
    assert contact.key == contact.phone == "+16175551234"


def test_an_invalid_number_excludes_with_the_reason_and_the_key():
    (excluded,) = entries(campaign(key="{{ row.id }}"), {"id": "7", "phone": "555-1234"})
    assert excluded == Exclusion(
        key="7",
        reason=Reason.INVALID_PHONE,
        source="visits.csv",
        line=2,
        detail="it is too short for a number in US",
    )


def test_one_key_however_it_is_composed_or_padded_is_one_key():
    found = entries(
        campaign(key="{{ row.id }}"),
        {"id": "Zo\u00eb", "phone": "617 555 1234"},
        {"id": " Zoe\u0308 ", "phone": "617 555 1235"},
    )
    assert reasons(found) == ["Zo\u00eb", "Zo\u00eb"]


def test_the_filter_comes_first_and_counts_who_was_filtered():
    declared = campaign(key="{{ row.id }}", where="{{ row.consent == 'Y' }}")
    (excluded,) = entries(declared, {"id": "7", "phone": "no number", "consent": "N"})
    assert (excluded.reason, excluded.key) == (Reason.FILTERED, "7")


def test_a_filtered_row_without_a_usable_key_is_filtered_all_the_same():
    where = "{{ row.id != '' }}"
    for declared in (campaign(where=where), campaign(where=where, key="{{ row.id }}")):
        (excluded,) = entries(declared, {"id": "", "phone": "no number"})
        assert (excluded.reason, excluded.key) == (Reason.FILTERED, "")


@pytest.mark.parametrize(
    ("field", "template", "detail"),
    [
        ("key", "{{ row.nowhere }}", "contacts.key, line 1: there is no column `nowhere`"),
        ("key", "\n{{ row.nowhere }}", "contacts.key, line 2: there is no column `nowhere`"),
        ("phone", "{{ row.nowhere }}", "contacts.phone, line 1: there is no column `nowhere`"),
        ("where", "{{ row.nowhere }}", "contacts.where, line 1: there is no column `nowhere`"),
        ("timezone", "{{ row.nowhere }}", "contacts.timezone, line 1: there is no column `nowhere`"),
        ("key", "{{ row.empty }}", "contacts.key: it is empty"),
        ("key", "a{{ row.bell }}b", "contacts.key: it contains control characters"),
        ("key", "{{ row.bell ~ '" + "x" * 500 + "' }}", "contacts.key: it is longer than 500 characters"),
        ("priority", "{{ row.phone }}", "contacts.priority: the result is not a number"),
        ("priority", "nan", "contacts.priority: the result is not a number"),
        ("priority", "1e999", "contacts.priority: the result is not a number"),
    ],
)
def test_a_template_that_fails_excludes_its_row_alone_and_says_where(field, template, detail):
    row = {"phone": "617 555 1234", "empty": " ", "bell": "\a"}
    (excluded,) = entries(campaign(**{field: template}), row)
    assert excluded.reason is Reason.TEMPLATE_ERROR
    assert excluded.detail.startswith(detail)
    assert "555" not in excluded.detail


def test_an_empty_priority_is_zero():
    (contact,) = entries(campaign(priority=" {{ row.risk }} "), {"phone": "617 555 1234", "risk": ""})
    assert contact.priority == 0


def test_a_source_may_override_phone_key_and_timezone():
    declared = campaign(
        sources=[
            {"type": "csv", "path": "a.csv"},
            {
                "type": "csv",
                "path": "b.csv",
                "phone": "{{ row.tel }}",
                "key": "b-{{ row.id }}",
                "timezone": "America/Denver",
            },
        ],
        key="{{ row.id }}",
    )
    a, b = declared.contacts.sources
    found = list(
        build_contacts(
            declared,
            [
                (a, Row(source="a.csv", line=2, values={"id": "1", "phone": "617 555 1234"})),
                (b, Row(source="b.csv", line=2, values={"id": "1", "tel": "617 555 1235"})),
                (b, Row(source="b.csv", line=3, values={"id": "2", "tel": "617 555 1234"})),
            ],
        )
    )
    assert [(entry.key, getattr(entry, "timezone", None)) for entry in found] == [
        ("1", ""),
        ("b-1", "America/Denver"),
        ("b-2", "America/Denver"),
    ]


def test_a_source_may_have_its_own_region_and_a_condition_next_to_the_common_one():
    declared = campaign(
        sources=[
            {"type": "csv", "path": "a.csv"},
            {"type": "csv", "path": "b.csv", "region": "GB", "where": "{{ row.active }}"},
        ],
        where="{{ row.consent == 'Y' }}",
    )
    american, british = declared.contacts.sources

    def found(source, phone, **values):
        row = Row(source=source.name, line=2, values={"phone": phone, "consent": "Y", **values})
        (entry,) = build_contacts(declared, [(source, row)])
        return getattr(entry, "detail", entry.phone)

    assert found(american, "617 555 1234") == "+16175551234"
    assert found(british, "020 7946 0018", active="1") == "+442079460018"
    assert found(british, "020 7946 0018", active="0") == "where of its source is false"
    assert found(british, "020 7946 0018", active="?") == "where of its source is neither yes nor no"
    assert found(british, "020 7946 0018", active="1", consent="N") == "contacts.where is false"


def test_rows_are_taken_one_at_a_time():
    source = campaign().contacts.sources[0]
    taken = []

    def rows():
        for line in (2, 3):
            taken.append(line)
            yield source, Row(source="visits.csv", line=line, values={"phone": f"617 555 123{line}"})

    next(build_contacts(campaign(), rows()))
    assert taken == [2]
