import tracemalloc
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.campaign.filters import FILTERS, MAX_TEXT
from runner.campaign.template_syntax import TemplateSyntaxError
from runner.campaign.templates import TemplateRenderError, compile_template

SECRET = "Annegret"
ROW = {
    "name": SECRET,
    "Phone Number": "6175551234",
    "age": "41",
    "items": "a",
    "keys": "b",
    "get": "c",
    "empty": None,
    "paid": True,
    "visits": 3,
    "long": "x" * 9_999,
    "tags": ["red", "blue"],
    "address": {"city": "Boston"},
    "visited": "2026-11-29",
}


def render(source, row=ROW, **constants):
    return compile_template(source).render(row, constants)


def refused(source, row=ROW):
    with pytest.raises(TemplateRenderError) as raised:
        render(source, row)
    assert SECRET not in raised.value.message
    return raised.value


def unreadable(source):
    with pytest.raises(TemplateSyntaxError) as raised:
        compile_template(source)
    return raised.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ row.name }}", SECRET),
        ("{{ row['Phone Number'] }}", "6175551234"),
        ("{{ row.name | upper }}, {{ row.age | int + 1 }}", "ANNEGRET, 42"),
        ("{{ 'es' if row.lang | default('') == 'ES' else 'en' }}", "en"),
        ("{% if row.visits > 2 %}often{% elif row.visits %}once{% else %}never{% endif %}", "often"),
        ("{{ row.name[:3] ~ '-' ~ row.visits }}", "Ann-3"),
        ("{{ row.tags | join('/') }} {{ row.tags[0] }} {{ row.tags | length }}", "red/blue red 2"),
        ("{{ 'red' in row.tags and row.name is string }}", "true"),
        ("{{ row.address.city }}", "Boston"),
        ("{{ {'41': 'forty-one'}[row.age] }}", "forty-one"),
        ("{{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ -row.visits }}", "3 1 1024 3.5 -3"),
        ("{{ 2.567 | round(1) }} {{ -3 | abs }} {{ '2.5' | float }}", "2.6 3 2.5"),
        ('{{ "o\'brien-smith" | title }}', "O'brien-Smith"),
        (
            "{{ ' a ' | trim }}|{{ 'aXa' | replace('a', 'b', 1) }}|{{ 'aB' | capitalize }}|{{ 5 | string }}",
            "a|bXa|Ab|5",
        ),
        ("{{ 'a b&c/é' | urlencode }}", "a%20b%26c%2F%C3%A9"),
        ("{{ 4 is even }} {{ 4 is odd }} {{ 9 is divisibleby 3 }}", "true false true"),
    ],
)
def test_a_template_is_filled_in_from_the_row(source, text):
    assert render(source) == text


def test_constants_of_the_campaign_are_under_vars():
    assert render("{{ vars.site }}", site="Boston") == "Boston"


@pytest.mark.parametrize("name", ["items", "keys", "get"])
def test_a_column_may_be_called_like_a_method(name):
    assert render(f"{{{{ row.{name} }}}}") == ROW[name]


def test_any_mapping_serves_as_a_row():
    assert render("{{ row.a }}", MappingProxyType({"a": "b"})) == "b"


def test_nothing_is_empty_and_truth_is_in_lower_case():
    assert (
        render("{{ row.empty }}|{{ row.paid }}|{{ not row.paid }}|{{ row.empty ~ row.paid }}")
        == "|true|false|true"
    )


def test_text_without_braces_is_constant_and_stays_as_written():
    template = compile_template("{# no comment #}\n")
    assert template.is_constant
    assert template.render({}, {}) == "{# no comment #}"
    assert not compile_template("{{ row.a }}").is_constant
    assert not compile_template("{% if row.a %}b{% endif %}").is_constant


def test_the_same_source_is_compiled_once():
    assert compile_template("{{ row.once }}") is compile_template("{{ row.once }}")


def test_nothing_is_escaped():
    assert render("{{ row.a }}", {"a": "<b> & 'c'"}) == "<b> & 'c'"


def test_an_undefined_column_is_named_with_the_near_one():
    assert refused("{{ row.nmae }}").message == "there is no column `nmae`; did you mean `name`?"
    assert refused("{{ row['phone number'] }}").message.endswith("did you mean `Phone Number`?")


def test_an_undefined_constant_is_named():
    with pytest.raises(TemplateRenderError, match="no constant `sit`; did you mean `site`"):
        render("{{ vars.sit }}", site="Boston")


@pytest.mark.parametrize(
    "source",
    [
        "{{ row.gone == 'a' }}",
        "{{ row.gone | upper }}",
        "{{ 'a' | replace('a', row.gone) }}",
        "{{ row.gone.further }}",
        "{{ row.gone + 1 }}",
        "{{ row.gone[:2] }}",
        "{% if row.gone %}{% endif %}",
        "{{ row.gone ~ 'a' }}",
    ],
)
def test_an_undefined_column_is_an_error_however_it_is_used(source):
    assert "`gone`" in refused(source).message


def test_a_default_takes_the_place_of_an_undefined_column():
    assert render("{{ row.gone | default('x') }}") == "x"
    assert render("{{ row.gone is defined }}") == "false"


def test_a_name_that_was_computed_is_never_shown():
    assert "column" not in refused("{{ {'a': 'b'}[row.name] }}").message
    assert "column" not in refused("{{ row[row.name] }}").message
    assert refused("{{ {row.name: 1}.Annegre }}").message == "there is no column `Annegre`"


@pytest.mark.parametrize(
    "source",
    [
        "{{ row.name | int }}",
        "{{ row.name | float }}",
        "{{ row.name > 5 }}",
        "{{ row.name + 5 }}",
        "{{ row.name * 5 }}",
        "{{ row.name is odd }}",
        "{{ -row.name }}",
        "{{ 5 in row.visits }}",
        "{{ row.name | add_days(1) }}",
        "{{ row.name | round }}",
        "{{ row.name | join }}",
        "{{ row.visits | length }}",
        "{{ row.name[99] }}",
        "{{ row.name['a'] }}",
        "{{ row[1] }}",
        "{{ row.tags }}",
        "{{ row.address }}",
        "{{ row }}",
        "{{ row.name.first }}",
        "{{ row.visits / 0 }}",
        "{{ row.visits // 0 }}",
        "{{ row.visits % 0 }}",
        "{{ row.visits is divisibleby 0 }}",
        "{{ (0 - row.visits) ** 0.5 }}",
        "{{ 'a' if row.visits > 5 }}",
        "{{ {row.tags: 1} }}",
        "{{ 5[1:] }}",
        "{{ 1.5 | replace('a', 'b', 1.5) }}",
    ],
)
def test_what_does_not_fit_is_an_error_without_the_row_s_content(source):
    refused(source)


def test_the_error_has_the_line_within_the_template():
    assert refused("{% if row.paid %}\n\n{{ row.name | int }}\n{% endif %}").line == 3


def test_int_and_float_take_another_value_only_from_an_explicit_default():
    assert render("{{ row.name | int(default=7) }} {{ '' | float(0) }} {{ none | int(-1) }}") == "7 0 -1"


@pytest.mark.parametrize(("text", "number"), [("12", "12"), (" -3 ", "-3"), ("3.9", "3"), ("007", "7")])
def test_int_reads_decimal_text(text, number):
    assert render("{{ row.n | int }}", {"n": text}) == number


@pytest.mark.parametrize("text", ["1_000", "٣", "0x10", "nan", "inf", "1e5", "9" * 19, ""])
def test_int_reads_nothing_else(text):
    refused("{{ row.n | int }}", {"n": text})


@pytest.mark.parametrize(
    ("value", "days", "result"),
    [
        ("2026-12-31", 1, "2027-01-01"),
        ("2026-03-01", -1, "2026-02-28"),
        ("2026-12-31T23:00:00Z", 1, "2027-01-01T23:00:00Z"),
        ("2026-12-31T23:00:00.25-05:00", 2, "2027-01-02T23:00:00.25-05:00"),
    ],
)
def test_add_days_gives_the_kind_it_was_given(value, days, result):
    assert render("{{ row.at | add_days(row.days) }}", {"at": value, "days": days}) == result


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("2026-02-30", 1),
        ("9999-12-31", 1),
        ("2026-12-31 25:00:00Z", 1),
        ("tomorrow", 1),
        ("2026-12-31", 10**9),
        ("2026-12-31", "1"),
    ],
)
def test_add_days_refuses_an_invalid_date(value, days):
    refused("{{ row.at | add_days(row.days) }}", {"at": value, "days": days})


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("11/20/2026", "%m/%d/%Y", "2026-11-20"),
        (" 1/2/2027 ", "%m/%d/%Y", "2027-01-02"),
        ("20.11.26", "%d.%m.%y", "2026-11-20"),
        ("Nov 20, 2026", "%b %d, %Y", "2026-11-20"),
        ("11/20/2026 4:30 PM", "%m/%d/%Y %I:%M %p", "2026-11-20"),
        ("", "%m/%d/%Y", ""),
    ],
)
def test_a_date_in_another_form_becomes_an_iso_date(text, form, day):
    assert render("{{ row.at | date(row.form) }}", {"at": text, "form": form}) == day


def test_days_can_be_added_to_a_date_in_another_form():
    assert render("{{ row.at | date('%m/%d/%Y') | add_days(2) }}", {"at": "12/31/2026"}) == "2027-01-02"


@pytest.mark.parametrize("text", ["2026-11-20", "20/11/2026", "02/30/2026", "tomorrow", "11/20/26"])
def test_a_text_in_another_date_format_is_refused(text):
    assert text not in refused("{{ row.at | date('%m/%d/%Y') }}", {"at": text}).message


@pytest.mark.parametrize(
    "form",
    ["", "%m/%d", "MM/DD/YYYY", "%m/%d/%Y %m", "%m/%d/%Y %Z", "%m/%d/%Y %", "%m/%d/%Y" + "x" * 50, "%d%m%%Y"],
)
def test_an_invalid_date_format_is_refused_with_an_example(form):
    assert (
        "'%m/%d/%Y'" in refused("{{ row.at | date(row.form) }}", {"at": "11/20/2026", "form": form}).message
    )


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("{% for a in row %}{% endfor %}", "only statement"),
        ("{% set a = 1 %}", "only statement"),
        ("{% macro a() %}{% endmacro %}", "only statement"),
        ("{% include 'a' %}", "only statement"),
        ("{% extends 'a' %}", "only statement"),
        ("{% import 'a' as b %}", "only statement"),
        ("{% with %}{% endwith %}", "only statement"),
        ("{% filter upper %}{% endfilter %}", "only statement"),
        ("{% autoescape true %}{% endautoescape %}", "only statement"),
        ("{{ range(9) }}", "calls"),
        ("{{ row.name.format(1) }}", "calls"),
        ("{{ row.name | format(1) }}", "`format`"),
        ("{{ row | attr('x') }}", "`attr`"),
        ("{{ 'a' | center(9) }}", "`center`"),
        ("{{ row.name is sameas 1 }}", "`sameas`"),
        ("{{ 'a' | replace(*row.tags) }}", "`*`"),
        ("{{ 'a' | upper(1) }}", "`upper`"),
        ("{{ name }}", "`name`"),
        ("{{ self }}", "`self`"),
        ("{{ row.name", "template"),
        ("{{ row.Phone Number }}", "template"),
        ("{{ 1e999 }}", "too large"),
        ("{{ " + "9" * 5000 + " }}", "too large"),
        ("{{ 10000000000000000000 }}", "too large"),
        ("{{ " + "(" * 3000 + ")" * 3000 + " }}", "deep"),
        ("{{ " + "not " * 2000 + "1 }}", "deep"),
        ("{{ " + "-" * 3000 + "1 }}", "deep"),
        ("{{ 1" + "+1" * 3000 + " }}", "deep"),
        ("{{ row" + ".a" * 3000 + " }}", "deep"),
        ("{{ row.a" + "|upper" * 1000 + " }}", "deep"),
        ("{% if row.a %}" * 300 + "{% endif %}" * 300, "deep"),
        ("{{ row.a }}" + "x" * 10_000, "longer"),
        ("x" * 10_001, "longer"),
    ],
)
def test_only_expressions_filters_and_conditions_compile(source, word):
    assert word in unreadable(source).message


def test_the_error_for_a_method_suggests_the_filter_of_its_name():
    assert unreadable("{{ row.name.upper() }}").hint == "write it as a filter: `| upper`"


def test_the_error_for_a_bare_name_suggests_its_column():
    assert "`row.phone`" in unreadable("{{ phone }}").hint


def test_the_error_for_an_unknown_filter_suggests_the_nearest():
    error = unreadable("{{ row.a }}\n{{ row.a | uper }}")
    assert (error.line, error.hint) == (2, "did you mean `upper`?")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10 ** 9 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 10 ** 17 * 10 ** 17 }}",
        "{{ 2.0 ** 5000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%1000000000d' is odd }}",
        "{{ '%1000000000d' is divisibleby 2 }}",
        "{{ row.long ~ row.long }}",
        "{{ row.long + row.long }}",
        "{{ row.long }}{{ row.long }}",
        "{{ row.long | replace('x', row.long) }}",
        "{{ 'a' | replace('', row.long) }}",
        "{{ [row.long, row.long] | join }}",
        "{{ row.tags | join(row.long) | replace('x', 'yy') }}",
        "{{ row.long" + " | replace('x', 'xxxxxxxxxx')" * 30 + " }}",
        "{{ row.long | replace('x', 'ß') | upper }}",
        "{{ row.long | replace('x', 'é') | urlencode }}",
        "{{ row.huge }}",
        "{{ row.huge[:5] }}",
        "{{ row.many | join }}",
        "{{ row.number + 1 }}",
        "{{ row.number }}",
    ],
)
def test_nothing_can_fill_the_memory(source):
    row = {**ROW, "huge": "x" * 1_000_000, "many": ["xx"] * 100_000, "number": 10**5000}
    compile_template(source)
    tracemalloc.start()
    try:
        refused(source, row)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_which_constants_a_template_needs_is_known():
    assert compile_template("{{ vars.a }} {{ vars['b'] }} {{ vars.c | default(1) }}").constants_used == {
        "a",
        "b",
    }


atoms = st.sampled_from(
    [
        "row.name",
        "row.long",
        "row.tags",
        "row.gone",
        "row.visits",
        "row",
        "vars",
        "'ab'",
        "'%9999999d'",
        "9",
        "10**9",
        "1.5",
        "none",
        "true",
        "[1, 'a']",
        "{'a': 1}",
        "row.__class__",
        "''",
    ]
)
wrappers = st.sampled_from(
    [
        "({0} {op} {1})",
        "({0} ~ {1})",
        "({0} if {1} else {0})",
        "({0} in {1})",
        "{0}[{1}]",
        "({0})[{1}:]",
        "(not {0})",
        "({0} | replace({1}, {0}))",
        "([{0}, {1}] | join({1}))",
        "({0} | default({1}, true))",
        "({0} | {filter})",
        "({0} is {test})",
        "(-{0})",
        "({0} == {1})",
        "({0} < {1})",
        "[{0}]",
        "({0}).name",
        "({0} | round({1}))",
    ]
)


@st.composite
def expressions(draw):
    text = draw(atoms)
    for _ in range(draw(st.integers(0, 12))):
        text = draw(wrappers).format(
            text,
            draw(st.just(text) | atoms),
            op=draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])),
            filter=draw(
                st.sampled_from(["upper", "int", "float", "title", "urlencode", "length", "abs", "trim"])
            ),
            test=draw(st.sampled_from(["odd", "even", "string", "none", "defined", "number"])),
        )
        if len(text) > 3_000:
            break
    return text


def outcome(source):
    """The text, and the error if there was none."""
    try:
        return render(source), None
    except (TemplateSyntaxError, TemplateRenderError) as error:
        return "", error


@settings(max_examples=250, deadline=None)
@given(expressions())
def test_a_hostile_expression_gives_bounded_text_or_a_clear_error(expression):
    text, error = outcome("{{ " + expression + " }}")
    assert len(text) <= 10_000
    if error:
        assert error.message
        assert SECRET not in error.message
        assert error.line == 1


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("{}%|.()[]'\"row.name 019*+-~:,#\n\\ifx_é\0"), max_size=60))
def test_arbitrary_text_between_braces_gives_text_or_a_clear_error(text):
    _, error = outcome("{{" + text + "}}")
    assert error is None or error.message


def test_a_template_names_the_columns_that_it_uses_however_guarded():
    source = (
        "{{ row.a }} {{ row['b c'] | default(1) }} {{ row.d.e }} "
        "{% if row.f is defined %}{{ row[vars.g] }}{% endif %}"
    )
    assert compile_template(source).columns_used == {"a", "b c", "d", "f"}
    assert compile_template("no template").columns_used == frozenset()


def _outcome(source, row, constants=None, compiled=compile_template):
    try:
        return compiled(source).render(row, constants or {})
    except TemplateRenderError as error:
        return error.message, error.line


plain_parts = st.one_of(
    st.text(st.sampled_from("ab é\n;"), max_size=3),
    st.builds(
        lambda column, names: f"{{{{ row.{column}{''.join(f' | {name}' for name in names)} }}}}",
        st.sampled_from(["x", "y", "z"]),
        st.lists(
            st.sampled_from(sorted(FILTERS.keys() - {"add_days", "date", "replace"})),
            max_size=3,
        ),
    ),
)
values = st.one_of(
    st.text("aB -'é7\n\ud800", max_size=5),
    st.integers(),
    st.none(),
    st.just("x" * MAX_TEXT),
    st.lists(st.text()),
)


# What JSON lines may hold, and no encoding takes.
@example(["{{ row.x | urlencode }}"], {"x": "\ud800"})
@given(st.lists(plain_parts, min_size=1, max_size=4), st.dictionaries(st.sampled_from("xyz"), values))
def test_a_template_without_expressions_gives_what_jinja_makes_of_it(parts, row):
    source = "".join(parts)
    assert _outcome(source, row) == _outcome(f"{{% if 1 == 2 %}}{{% endif %}}{source}", row)


OF_ONE_COLUMN = (
    "{{ 'es' if row.x == 'a' else 'en' }}",
    "{% if row.x is defined %}{{ row.x | upper }}{% endif %}",
    "{{ row.x | default('nobody') }}",
    "{{ row.x | int + 1 }}",
    "{{ row['x'] ~ row.x }}",
)
OF_MORE = (
    "{{ row[row.x] }}",
    "{{ row.x ~ row.y }}",
    "{{ row.x ~ vars.k }}",
    "{{ row.x if row.y is defined else 'none' }}",
)


@given(
    st.sampled_from(OF_ONE_COLUMN + OF_MORE),
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("xya"), st.sampled_from("xya") | values),
            st.fixed_dictionaries({"k": values}),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_what_a_template_remembers_is_what_jinja_makes_of_every_row(source, rows):
    for row, constants in rows:
        afresh = _outcome(source, row, constants, compiled=compile_template.__wrapped__)
        assert _outcome(source, row, constants) == afresh


def test_a_template_of_one_column_gives_every_value_its_own_result():
    template = compile_template("{{ 'es' if row.x == 'a' else row.x ~ 'n' }}")
    for number in range(1_000):
        assert template.render({"x": f"{number}"}, {}) == f"{number}n"
    assert template.render({"x": "b" * 200}, {}) == "b" * 200 + "n"


def test_a_million_different_values_do_not_pile_up_in_a_template():
    template = compile_template("{{ 'es' if row.x == 'a' else row.x ~ 'n' }}")
    tracemalloc.start()
    try:
        for number in range(5_000):
            template.render({"x": f"{number:0100}"}, {})
        assert tracemalloc.get_traced_memory()[0] < 256_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["Te\u0301le\u0301phone\u00a0fixe", "\u200bT\u00e9l\u00e9phone fixe"])
def test_a_column_s_name_in_a_template_is_spelt_as_sources_spell_it(name):
    template = compile_template(f"{{{{ row['{name}'] }}}}")
    assert template.columns_used == {"T\u00e9l\u00e9phone fixe"}
    assert template.render({"T\u00e9l\u00e9phone fixe": "1"}, {}) == "1"
