import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.insight.php_form import php_form, with_lists

# What `parse_str` of PHP 8.2 makes of each form. parse_str and $_POST share one parser.
PINNED = [
    (
        b"events[0][event]=dialing&events[0][timestamp]=1&events[1][event]=connected",
        {"events": {"0": {"event": "dialing", "timestamp": "1"}, "1": {"event": "connected"}}},
    ),
    (b"a[b][c][d]=1&a[b][c][e]=2", {"a": {"b": {"c": {"d": "1", "e": "2"}}}}),
    (b"a[][x]=1&a[][x]=2", {"a": {"0": {"x": "1"}, "1": {"x": "2"}}}),
    (b"a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
    (b"a[b]=1&a[b][c]=2", {"a": {"b": {"c": "2"}}}),
    (b"a[b][c]=1&a[b]=2", {"a": {"b": "2"}}),
    (b"a[b]x[c]=1", {"a": {"b": "1"}}),
    (b"a[b][c=1", {"a": {"b": "1"}}),
    (b"m[x=1", {"m_x": "1"}),
    (b"m[a[b]=1", {"m": {"a[b": "1"}}),
    (b"first.name=1&m[first.name]=2", {"first_name": "1", "m": {"first.name": "2"}}),
    (b"[x]=1&=2&&a", {"a": ""}),
    (b"a=1&a=2", {"a": "2"}),
]


@pytest.mark.parametrize(("body", "form"), PINNED)
def test_a_nested_form_is_read_as_php_reads_it(body, form):
    assert php_form(body) == form


def test_fields_beyond_the_limits_of_php_are_dropped():
    assert len(php_form(b"&".join(b"a%d=1" % number for number in range(5_000)))) == 1_000
    assert php_form(b"a" + b"[x]" * 100 + b"=1") == {}


def test_arrays_with_the_keys_of_a_list_become_lists():
    form = php_form(b"a[0]=x&a[1]=y&b[1]=x&c[k]=v&d[][e]=1")
    assert {name: with_lists(value) for name, value in form.items()} == {
        "a": ["x", "y"],
        "b": {"1": "x"},
        "c": {"k": "v"},
        "d": [{"e": "1"}],
    }


@given(st.binary(max_size=300))
def test_any_bytes_are_read(body):
    for value in php_form(body).values():
        with_lists(value)


@given(st.text("a[]=&0%.+ ", max_size=60))
def test_any_arrangement_of_brackets_is_read(text):
    for value in php_form(text.encode()).values():
        with_lists(value)
