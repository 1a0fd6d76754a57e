"""A value that was meant as a template is filled in, or an error: it never reaches anybody literally."""

import pytest
from smallest_campaign import CAMPAIGN, error

from runner.campaign.diagnostics import render
from runner.campaign.template_syntax import TemplateSyntaxError
from runner.campaign.templates import compile_template


def hint(source):
    with pytest.raises(TemplateSyntaxError) as raised:
        compile_template(source)
    return raised.value.hint


@pytest.mark.parametrize(
    ("source", "right"),
    [
        ("{ row.x }", "row.x"),
        ("{row.x}", "row.x"),
        ("{x}", "row.x"),
        ("${x}", "row.x"),
        ("${row.x}", "row.x"),
        ("#{x}", "row.x"),
        ("Hello {First Name}!", "row['First Name']"),
        ("{ row.x }}", "row.x"),
        ("{ { row.x } }", "row.x"),
        ("row.x", "row.x"),
        ("row.x | title", "row.x | title"),
        ("row['First Name']", "row['First Name']"),
        ("row.first-name", "row['first-name']"),
        ("Dear row.name", "row.name"),
        ("vars.site", "vars.site"),
        ("<<First_Name>>", "row.First_Name"),
        ("«x»", "row.x"),
        ("[[x]]", "row.x"),
        ("%(x)s", "row.x"),
        ("*|FNAME|*", "row.FNAME"),
        ("<%= x %>", "row.x"),
        ("https://hooks.example.org/?id=row.id", "row.id"),
        ("https://hooks.example.org/{id}", "row.id"),
        ("{{ row.first }} {row.last}", "row.last"),
        ("{{ 'row.x' }}", "row.x"),
    ],
)
def test_what_looks_like_a_failed_template_is_an_error_that_shows_the_right_form(source, right):
    assert f'"{{{{ {right} }}}}"' in hint(source)


@pytest.mark.parametrize("source", ["“{{ row.x }}”", "“Boston”", "\u2018{{ row.x }}\u2019", "„{{ row.x }}“"])
def test_curly_quotes_around_a_value_are_an_error(source):
    assert "straight quotes" in hint(source)


@pytest.mark.parametrize("source", ["{{ row.x }}}", "{{{ row.x }}}", "{{x}", "{{ row.x }", "{{ row.x"])
def test_a_brace_too_few_or_too_many_is_an_error(source):
    assert "two braces" in hint(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ “row.x” }}", "straight quotes"),
        ("{{ row[\u2018x\u2019] }}", "straight quotes"),
        ("{{ row.first-name }}", "`row['first-name']`"),
        ("{{ row.e-mail-home | lower }}", "`row['e-mail-home']`"),
        ("{{ row.a && row.b }}", "`and`"),
        ("{{ row.a || row.b }}", "`or`"),
        ("{{ !row.a }}", "`not`"),
        ("{{ row.a = 'x' }}", "`==`"),
        ("{% if row.a = 'x' %}b{% endif %}", "`==`"),
        ("{{ row.a === 'x' }}", "`==`"),
        ("{{ row.a <> 'x' }}", "`!=`"),
        ("{{ row.a AND row.b }}", "lower case"),
        ("{{ row.a ? 'x' : 'y' }}", "if row.x == 'y' else"),
        ("{% row.a %}", "{{ row.x }}"),
        ("{{ null }}", "`none`"),
        ("{{ row.Phone Number }}", "row['Phone Number']"),
        ("{% if row.a == 'x' %}b", "{% endif %}"),
    ],
)
def test_the_error_for_a_usual_mistake_inside_braces_shows_the_right_form(source, said):
    assert said in hint(source)


@pytest.mark.parametrize(
    "source",
    [
        "Boston",
        '{"a": {"b": 1}}',
        '{"age": {{ row.age }}, "name": "{{ row.name }}"}',
        "Your balance is ${{ row.balance }}",
        "https://row.example.org/a",
        "Dr. O\u2019Neill",
        "she said “hello”",
        "{{ row.a }} “x” {{ row.b }}",
        "{{ '“' ~ row.x ~ '”' }}",
        "{{ '{x}' }}",
        "{{ row.a - row.b }}",
        "the third row. Then",
        "3 < 4 << 5 >> 6",
        "{}",
    ],
)
def test_other_text_is_sent_as_it_is_written(source):
    compile_template(source)


def test_a_failed_template_is_placed_on_its_line_of_a_block():
    found = error(CAMPAIGN + "metadata:\n  a: |\n    Hello\n    {row.name}\n")
    assert (found.code, found.line) == ("bad_template", 12)


@pytest.mark.parametrize("value", ["{ row.x }", "{row.x}"])
def test_the_error_for_braces_that_yaml_reads_as_a_mapping_shows_the_right_form(value):
    assert error(f"{CAMPAIGN}metadata:\n  a: {value}\n").hint == (
        'a template is text in quotes: "{{ row.x }}"'
    )


@pytest.mark.parametrize(
    "line",
    [
        'metadata: {"{{ row.lang }}": x}',
        'metadata: {"{lang}": x}',
        'vars: {greeting: "Hello {{ row.name }}"}',
        'vars: {greeting: "Hello {name}"}',
        "metadata: {a: row.x}",
        "caller_id: row.line",
        'result_url: "https://hooks.example.org/{id}"',
    ],
)
def test_a_template_in_a_value_that_is_not_rendered_is_an_error(line):
    found = error(f"{CAMPAIGN}{line}\n")
    assert (found.code, found.line) == ("bad_template", 9)
    assert found.hint


@pytest.mark.parametrize("list_of", ["sources", "suppress"])
def test_a_template_in_an_inline_row_is_an_error_that_shows_nothing_of_the_row(list_of):
    rows = "\n    - type: inline\n      rows:\n        - {a: 'Annegret {{ row.b }}'}"
    text = (
        CAMPAIGN.replace("[{type: csv, path: contacts.csv}]", rows)
        if list_of == "sources"
        else CAMPAIGN.replace(
            "calling_windows", f"  suppress:{rows}\n      key: '{{{{ row.a }}}}'\ncalling_windows"
        )
    )
    found = error(text)
    assert found.code == "bad_template"
    assert "Annegret" not in render(found)


def test_a_key_of_a_list_without_braces_is_an_error():
    lists = "  suppress: [{type: csv, path: stop.csv, key: row.id}]\ncalling_windows"
    assert error(CAMPAIGN.replace("calling_windows", lists)).hint == 'write "{{ row.id }}"'
