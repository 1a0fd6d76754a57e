import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.contacts.identity import Identity

IDENTITY = Identity(b"a privacy key")
PLAIN = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


def digest_of(values, key=b"a privacy key"):
    digest = Identity(key).digest_of_many()
    for value in values:
        digest.add(value)
    return digest.hexadecimal()


def another_in_memory(value):
    """The same value, of which no part is shared with the one before."""
    if isinstance(value, tuple):
        return tuple(map(another_in_memory, value))
    return value[:1] + value[1:] if isinstance(value, str) else value


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_ref_is_ten_unambiguous_letters(key):
    ref = IDENTITY.ref(key)
    assert len(ref) == 10
    assert set(ref) <= set("23456789abcdefghjkmnpqrstuvwxyz")


def test_a_ref_never_changes_with_a_release():
    """People look for refs of years ago."""
    assert [IDENTITY.ref(key) for key in ("010001", "v-1", "ünï")] == [
        "4wc5j4hr4h",
        "ysr48cybjd",
        "ke2d9zns3t",
    ]


def test_a_ref_is_the_same_every_time_and_differs_by_contact_and_by_privacy_key():
    ref = IDENTITY.ref("010001")
    assert ref == Identity(b"a privacy key").ref("010001")
    assert ref != IDENTITY.ref("010002")
    assert ref != Identity(b"another key").ref("010001")


def test_a_digest_is_keyed_hexadecimal():
    digest = IDENTITY.digest("a plan")
    assert len(bytes.fromhex(digest)) == 32
    assert digest != Identity(b"another key").digest("a plan")


@pytest.mark.parametrize("key", ["010001", "visit-17", "A-1001", "Ann", "2026-12", "clinic-3/bed_12"])
def test_a_key_without_personal_data_is_shown_unchanged(key):
    assert IDENTITY.label(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "+16175551234",
        "6175551234",
        "(617) 555-1234",
        "555-1234",
        "617x555x1234",
        "tel:6175551234",
        "TEL 617 555 1234",
        "V6175551234",
        "clinic-boston-and-surroundings-617555123",
        "617_555_1234",
        "\uff16\uff11\uff17\uff15\uff15\uff15\uff11\uff12\uff13\uff14",
        "ann@example.org",
        "Ann Example",
        "clinic 3, bed 12",
        "Zoë",
        "x" * 41,
        "a\nb",
        "a\x1b[31mb",
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    ],
)
def test_a_key_that_may_be_a_number_an_address_or_a_name_or_would_break_a_line_is_shown_as_its_ref(key):
    assert IDENTITY.label(key) == IDENTITY.ref(key)


@given(st.lists(PLAIN, max_size=4), st.lists(PLAIN, max_size=4))
def test_many_values_have_one_digest_and_others_another(some, others):
    assert digest_of(some) == digest_of([another_in_memory(value) for value in some])
    # 1, 1.0 and True are equal, and not the same.
    assert (digest_of(some) == digest_of(others)) == (repr(some) == repr(others))


@pytest.mark.parametrize("count", [499, 500, 1001])
def test_each_of_many_values_counts_and_so_does_their_order(count):
    values = [("a", number) for number in range(count)]
    whole = digest_of(values)
    assert whole == digest_of(list(values))
    assert whole not in {digest_of(values[:-1]), digest_of(values[::-1]), digest_of([*values, ("a", count)])}
    assert whole != digest_of(values, key=b"another key")


def test_a_digest_takes_only_what_is_the_same_in_every_process():
    with pytest.raises(ValueError, match="unmarshallable"):
        digest_of([object()])
