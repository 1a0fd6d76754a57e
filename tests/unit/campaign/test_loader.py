import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallest_campaign import CAMPAIGN, error, errors

from runner.campaign.diagnostics import CampaignInvalidError, render
from runner.campaign.loader import parse_campaign
from runner.campaign.yaml_parser import MAX_LINE, MAX_NODES


def warnings(text):
    """All but that of the missing caller_id, which the smallest campaign lacks."""
    found = parse_campaign(text, "a.yaml").warnings
    return [warning for warning in found if warning.code != "no_caller_id"]


def warning_codes(text):
    return [found.code for found in warnings(text)]


def test_a_campaign_becomes_typed_values_with_the_defaults():
    campaign = parse_campaign(CAMPAIGN, "a.yaml").campaign
    assert campaign.survey.survey_id == "48211"
    assert campaign.retry_policy.max_attempts == 1
    assert campaign.calling_windows.close_margin == 300
    assert campaign.pacing.queue_ahead == 300
    assert campaign.calling_windows.weekly_hours[6] == ((615, 1080),)


@pytest.mark.parametrize(("written", "seconds"), [("90", 90), ("90s", 90), ('"45m"', 2700), ("2h", 7200)])
def test_a_duration_is_seconds_or_has_a_unit(written, seconds):
    text = CAMPAIGN + f"retry_policy: {{max_attempts: 2, reattempt_wait: {written}}}\n"
    assert parse_campaign(text, "a.yaml").campaign.retry_policy.reattempt_wait == seconds


def test_all_errors_come_at_once_in_file_order():
    text = (
        CAMPAIGN.replace("followup", "Follow Up").replace("daily", "dayly") + "pacing: {spread: fast}\nx: 1\n"
    )
    assert [(found.line, found.code) for found in errors(text)] == [
        (2, "bad_name"),
        (8, "bad_day"),
        (9, "unknown_value"),
        (10, "unknown_key"),
    ]


def test_the_error_for_an_unknown_key_points_at_it_and_suggests_the_nearest():
    found = error(CAMPAIGN + "retry_policy:\n  max_attempts: 1\n  reatempt_wait: 45m\n")
    assert (found.line, found.col, found.hint) == (11, 3, "did you mean `reattempt_wait`?")
    assert found.source_line == "  reatempt_wait: 45m"


def test_the_error_for_an_unknown_key_of_a_source_lists_the_keys_of_its_type():
    found = error(CAMPAIGN.replace("path: contacts.csv", "path: a.csv, rows: []"))
    assert found.hint == (
        "known keys: allow_empty, delimiter, encoding, header, key, path, phone, region, timezone, type, "
        "where"
    )


def test_a_duplicate_key_points_at_the_second_and_names_the_line_of_the_first():
    found = error(CAMPAIGN + "name: again\n")
    assert (found.line, found.col) == (9, 1)
    assert "line 2" in found.message


def test_a_missing_key_points_at_the_mapping_that_lacks_it():
    found = error(CAMPAIGN.replace('  phone: "{{ row.phone }}"\n', ""))
    assert (found.code, found.line, found.col) == ("missing_key", 4, 1)
    assert found.message == "`contacts` needs `phone`"


def test_a_number_that_lost_its_form_is_shown_in_quotes():
    found = error(CAMPAIGN + "caller_id: +16175550100\n")
    assert (found.code, found.line, found.col) == ("unquoted_number", 9, 12)
    assert found.hint == 'put it in quotes: "+16175550100"'


@pytest.mark.parametrize(
    "written",
    ["+5", "007", "1234567", "1e3", "0x1F", "0o17", "1.50", ".5", ".inf", "-.INF", ".nan", "9" * 5000],
)
def test_a_number_among_constants_must_keep_its_form(written):
    assert error(CAMPAIGN + f"vars: {{a: {written}}}\n").code == "unquoted_number"


@pytest.mark.parametrize(
    ("written", "value"), [("0", 0), ("-12", -12), ("123456", 123456), ("0.5", 0.5), ("true", True)]
)
def test_a_plain_number_among_constants_is_a_number(written, value):
    assert parse_campaign(CAMPAIGN + f"vars: {{a: {written}}}\n", "a.yaml").campaign.vars == {"a": value}


@pytest.mark.parametrize("written", ["NO", "yes", "on", "Off", "17:15", "1:30:00", "1_000", "0b1"])
def test_what_only_older_yaml_guesses_at_is_text(written):
    assert parse_campaign(CAMPAIGN + f"vars: {{a: {written}}}\n", "a.yaml").campaign.vars == {"a": written}


@pytest.mark.parametrize("written", ["2026-12-01", "2026-12-1", "2026-12-01T10:00:00Z", "2026-12-01 10:00"])
def test_a_date_without_quotes_is_an_error_everywhere(written):
    assert error(CAMPAIGN + f"description: {written}\n").code == "unquoted_date"


def test_a_wrong_type_is_explained_in_plain_words():
    assert error(CAMPAIGN.replace("[{type: csv, path: contacts.csv}]", "contacts.csv")).message == (
        "`sources`: expected a list, found text"
    )
    assert error(CAMPAIGN + "metadata: {a: [b]}\n").message == "`a`: expected text, found a list"
    assert (
        error(CAMPAIGN + "vars: {a: [b]}\n").message
        == "`a`: expected text, a number or true or false, found a list"
    )
    assert (
        error(CAMPAIGN + "retry_policy:\n").message
        == "`retry_policy`: expected a mapping (key: value), found nothing"
    )


def test_a_value_of_several_possible_types_has_one_error():
    assert (
        error(CAMPAIGN.replace('"10:15-18:00"', "{a: b}")).message
        == "`daily`: expected text or a list, found a mapping"
    )
    assert (
        error(CAMPAIGN.replace('"10:15-18:00"', "[[]]")).message == "`daily[0]`: expected text, found a list"
    )


def test_no_message_is_pydantic_s_own():
    text = (
        "version: x\nname: []\nsurvey: 1\ncontacts: {sources: {}, phone: {}, suppress: 1}\n"
        "calling_windows: {weekly: 1, dates: [], blackout: {}, holidays: 1,\n"
        "  timezone: [], close_margin: []}\n"
        "retry_policy: {max_attempts: 1.5, rounds: a}\npacing: {calls_per_minute: 1e9, queue_ahead: -1}\n"
        "rules: {}\nmetadata: 1\nresult_url: []\nvars: a\n"
    )
    found = errors(text)
    assert len(found) >= 20
    for each in found:
        assert "Input should" not in each.message
        assert "a valid" not in each.message


def test_a_template_s_error_is_placed_on_its_line_of_a_block():
    block = "|\n    {% if row.a %}\n      {{ row.b | uper }}\n    {% endif %}"
    found = error(CAMPAIGN.replace('"{{ row.phone }}"', block))
    assert (found.line, found.col, found.hint) == (8, 7, "did you mean `upper`?")


def test_a_template_in_one_line_is_pointed_at():
    found = error(CAMPAIGN.replace("row.phone", "row.phone | uper"))
    assert (found.line, found.col) == (6, 10)


@pytest.mark.parametrize(
    ("added", "line"),
    [
        ("vars: {a: &a 1}\n", 9),
        ("vars: {a: *a}\n", 9),
        ("description: !!str x\n", 9),
        ("description: !mine x\n", 9),
        ("metadata:\n  <<: {a: b}\n", 10),
    ],
)
def test_anchors_aliases_tags_and_merges_are_one_error_each(added, line):
    found = error(CAMPAIGN + added)
    assert (found.code, found.line) == ("yaml_feature", line)
    assert found.hint.startswith("define a constant under `vars`")


def test_a_bomb_of_aliases_is_never_built():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert {"yaml_feature"} < {found.code for found in errors(bomb)}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: [" + "1," * MAX_NODES + "]", "a" * (MAX_LINE + 1), "- " * 50_000]
)
def test_a_file_may_only_hold_so_much(text):
    assert error(text).code == "too_complex"


def test_the_content_of_an_inline_row_is_never_shown():
    row = "      - {phone: +12025550143, name: [Annegret], 'visit': 2026-12-01}\n"
    text = CAMPAIGN.replace(
        "[{type: csv, path: contacts.csv}]", f"\n    - type: inline\n      rows:\n{row.rstrip()}"
    )
    found = errors(text)
    assert [each.code for each in found] == ["unquoted_number", "wrong_type", "unquoted_date"]
    for each in found:
        assert "2025550143" not in render(each)
        assert "Annegret" not in render(each)


@pytest.mark.parametrize(
    "slip", ["name: 'Annegret", "name: Annegret: x", "name: &a Annegret", "name: Annegret, name: Annegret"]
)
def test_a_slip_of_yaml_within_the_rows_shows_nothing_of_them(slip):
    text = CAMPAIGN.replace(
        "[{type: csv, path: contacts.csv}]", f"\n    - type: inline\n      rows:\n      - {{{slip}}}"
    )
    for each in errors(text):
        assert "Annegret" not in render(each)


@pytest.mark.parametrize(
    ("good", "slip", "line", "col"),
    [
        ("name: followup", 'name: "followup', 2, 7),
        ('"48211"', '"48211', 3, 21),
        ('"{{ row.phone }}"', '"{{ row.phone }}', 6, 10),
        ('"{{ row.phone }}"', "'{{ row.phone }}", 6, 10),
        ('"10:15-18:00"', '"10:15-18:00', 8, 19),
    ],
)
def test_an_unclosed_quote_is_reported_where_it_opens(good, slip, line, col):
    found = error(CAMPAIGN.replace(good, slip) + 'caller_id: "+16175550100"\n')
    assert (found.code, found.line, found.col) == ("yaml_syntax", line, col)
    assert "closing quote" in found.hint


def test_a_quote_within_quotes_is_reported_where_the_value_begins():
    found = error(CAMPAIGN + "description: 'it's here'\n")
    assert (found.line, found.col) == (9, 14)
    assert "around ' use" in found.hint


def test_a_mistake_below_a_long_quoted_text_is_reported_at_its_own_line():
    found = error(CAMPAIGN + 'description: "one\n  two"\nvars: {a: [}\n')
    assert found.line == 11


@pytest.mark.parametrize("value", ["{{ row.x }", "{ row.x }}", "{{ row.x", "{{ row.x }}"])
def test_a_template_without_quotes_is_one_error_at_its_place(value):
    found = error(f"{CAMPAIGN}result_url: {value}\nvars: {{a: b}}\n")
    assert (found.code, found.line) == ("unquoted_template", 9)


@pytest.mark.parametrize(
    ("type_", "path", "said"),
    [
        ("csv", "visits.xlsx", "type: xlsx"),
        ("csv", "visits.XLS", "as CSV"),
        ("jsonl", "visits.ods", "as CSV"),
        ("csv", "visits.jsonl", "type: jsonl"),
        ("jsonl", "visits.csv", "type: csv"),
    ],
)
def test_a_file_of_another_type_is_an_error_that_says_what_to_do(type_, path, said):
    found = error(CAMPAIGN.replace("type: csv, path: contacts.csv", f"type: {type_}, path: {path}"))
    assert (found.code, found.line) == ("wrong_file_type", 5)
    assert said in found.hint


@pytest.mark.parametrize(
    ("good", "wrong", "said"),
    [
        ("  phone:", "  region: UK\n  phone:", "`GB`"),
        ("  weekly:", "  holidays: {country: UK}\n  weekly:", "`GB`"),
        ("  phone:", "  region: XX\n  phone:", "ISO 3166"),
    ],
)
def test_an_unknown_country_code_is_an_error(good, wrong, said):
    found = error(CAMPAIGN.replace(good, wrong))
    assert (found.code, said in found.hint) == ("bad_country", True)


def test_a_key_that_could_steer_a_terminal_is_shown_without_it():
    found = error(CAMPAIGN + '"\\e[31mred": 1\n')
    assert found.message.isprintable()


def test_line_breaks_of_every_system_count_as_lines():
    assert error((CAMPAIGN + "x: 1\n").replace("\n", "\r\n")).line == 9
    assert error("\N{BYTE ORDER MARK}" + CAMPAIGN + "x: 1\n").line == 9


def test_a_finding_of_others_is_placed_at_its_value():
    loaded = parse_campaign(CAMPAIGN, "a.yaml")
    found = loaded.warning("some_code", "A message", ("contacts", "sources", 0, "path"), "A hint")
    assert str(found) == "a.yaml:5:31: warning[some_code]: A message"
    assert (found.hint, found.source_line) == ("A hint", "  sources: [{type: csv, path: contacts.csv}]")


def test_a_finding_about_a_value_left_out_is_placed_at_what_would_hold_it():
    loaded = parse_campaign(CAMPAIGN, "a.yaml")
    found = loaded.warning("c", "m", ("calling_windows", "timezone"))
    assert (found.line, found.col) == (8, 3)


def test_the_same_phone_for_every_row_is_warned_of():
    constant = CAMPAIGN.replace("{{ row.phone }}", "+12025550143")
    assert warning_codes(constant) == ["constant_phone"]
    assert warning_codes(CAMPAIGN + "") == []
    one_row = constant.replace("{type: csv, path: contacts.csv}", "{type: inline, rows: [{a: b}]}")
    assert warning_codes(one_row) == []
    assert warning_codes(one_row.replace("[{a: b}]", "[{a: b}, {a: c}]")) == ["constant_phone"]


def test_an_undefined_constant_is_warned_of():
    text = (
        CAMPAIGN + 'metadata: {a: "{{ vars.sit }}", b: "{{ vars.x | default(1) }}"}\nvars: {site: Boston}\n'
    )
    (found,) = warnings(text)
    assert (found.code, found.line, found.hint) == ("unknown_constant", 9, "did you mean `site`?")


@pytest.mark.parametrize(
    "line",
    [
        'caller_id: "{{ row.line }}"',
        'post_dial: ""',
        'post_dial: "1,2#*"',
        'result_url: "http://localhost:8080/{{ row.id }}"',
        'result_url: "http://[::1]:8080/"',
    ],
)
def test_templates_and_good_constants_pass(line):
    assert warning_codes(CAMPAIGN + line + "\n") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "//a.example",
        "http://a b",
        "http://[::1",
        "http://a:99999999/",
        "javascript:x",
        "http://a\\nb",
        " http://a",
    ],
)
def test_an_invalid_constant_url_is_an_error(url):
    assert error(CAMPAIGN + f'result_url: "{url}"\n').code == "bad_url"


yaml_like = st.lists(
    st.sampled_from(
        [
            "version: 1",
            "name: a",
            "survey:",
            "contacts:",
            "calling_windows:",
            "weekly: {mon: '1:00-2:00'}",
            "vars:",
            "rows:",
            "sources:",
            "- type: inline",
            "- ",
            "  ",
            "\n",
            "\n  ",
            "\n    ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ": ",
            "&a ",
            "*a",
            "!!x ",
            "|",
            ">",
            "'",
            '"',
            "#",
            "---\n",
            "...",
            "%YAML 1.1\n",
            "<<: ",
            "2026-12-01",
            "+16",
            "null",
            "{{ row.a }}",
            "{% x %}",
            "\t",
            "\\",
            "\x00",
            "é",
            "\ud800",
            "? ",
            "~",
            "phone: ",
            "@",
            "\u2028",
            "\r",
            "\ufeff",
            '"\\U99999999"',
            "0x1",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(yaml_like | st.text(max_size=80))
def test_any_text_is_a_campaign_or_has_errors_with_a_place(text):
    try:
        parse_campaign(text, "a.yaml")
    except CampaignInvalidError as invalid:
        diagnostics = invalid.diagnostics
    else:
        return
    assert diagnostics
    for found in diagnostics:
        assert found.line >= 1
        assert found.col >= 1
        assert found.code
        assert render(found)


sections = [
    "version",
    "name",
    "description",
    "survey",
    "contacts",
    "calling_windows",
    "retry_policy",
    "pacing",
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**9)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "csv", "a", "{{ x }}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "path",
                    "rows",
                    "phone",
                    "key",
                    "sources",
                    "weekly",
                    "dates",
                    "from",
                    "to",
                    "mon",
                    "blackout",
                ]
            )
            | st.sampled_from(
                [
                    "suppress",
                    "rules",
                    "rounds",
                    "max_attempts",
                    "survey_id",
                    "csv",
                    "inline",
                    "timezone",
                    "[key]",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*sections, "metadata", "vars", "caller_id"]), values))
def test_for_any_values_each_error_has_a_code_of_ours(campaign):
    found = errors(json.dumps(campaign))
    assert all(each.code.replace("_", "").isalpha() for each in found)
    ours = {
        "missing_key",
        "wrong_type",
        "unknown_key",
        "unquoted_number",
        "bad_name",
        "bad_template",
        "constant_template",
        "bad_identifier",
    }
    ours |= {
        "unknown_value",
        "unknown_source_type",
        "empty_value",
        "out_of_range",
        "bad_zone",
        "bad_date",
    }
    ours |= {
        "bad_duration",
        "bad_hours",
        "never_opens",
        "bad_phone",
        "bad_country",
        "bad_day",
        "bad_metadata_name",
        "bad_metadatabase",
    }
    ours |= {"missing_reattempt_wait", "missing_metadata", "duplicate_day", "bad_dates", "bad_preset_name"}
    assert {each.code for each in found} <= ours


@pytest.mark.parametrize(
    ("field", "written", "hint"),
    [
        ("key", "visit_id", "{{ row.visit_id }}"),
        ("phone", "617-555-1234", "{{ row.phone }}"),
        ("key", "{{ vars.id }}", "{{ row.key }}"),
        ("key", "{{ 'id' }}", "{{ row.key }}"),
    ],
)
def test_a_suppression_list_with_constant_templates_is_an_error(field, written, hint):
    listed = f'{{type: csv, path: no.csv, {field}: "{written}"}}'
    found = error(CAMPAIGN.replace("contacts:\n", f"contacts:\n  suppress: [{listed}]\n"))
    assert found.code == "constant_template"
    assert found.hint == f'a column is written "{hint}"'
    assert "would exclude nobody" in found.message


@pytest.mark.parametrize("written", ["row.id", "{ row.id }", "{row.id}"])
def test_a_column_of_a_suppression_list_without_its_braces_is_an_error(written):
    listed = f'{{type: csv, path: no.csv, key: "{written}"}}'
    found = error(CAMPAIGN.replace("contacts:\n", f"contacts:\n  suppress: [{listed}]\n"))
    assert "{{ row.id }}" in found.hint


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_only_what_yaml_counts_as_a_line_break_is_one(character):
    """Else the line that is shown is another: perhaps one with somebody's data."""
    found = error(f'description: "a{character}b"\n{CAMPAIGN}mistake: 1\n')
    assert found.source_line == "mistake: 1"


def test_text_in_place_of_a_list_of_texts_is_answered_with_the_list():
    assert error(CAMPAIGN + "rules: us-states\n").hint == "write [us-states]"
    assert error(CAMPAIGN.replace("[{type: csv, path: contacts.csv}]", "contacts.csv")).hint == ""
    inline = "[{type: inline, rows: Ann}]"
    assert error(CAMPAIGN.replace("[{type: csv, path: contacts.csv}]", inline)).hint == ""
