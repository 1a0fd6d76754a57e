"""When sessions end, how long somebody waits, and where a person may be sent after signing in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.serve import sessions
from runner.serve.sessions import IDLE_SECONDS, LONGEST_SECONDS, csrf_of, is_over, local_path


@pytest.mark.parametrize(
    ("began_at", "seen_at", "now", "over"),
    [
        (0, 0, 1, False),
        (0, 0, IDLE_SECONDS - 1, False),
        (0, 0, IDLE_SECONDS, True),
        (0, LONGEST_SECONDS - 10, LONGEST_SECONDS - 1, False),
        (0, LONGEST_SECONDS - 10, LONGEST_SECONDS, True),
    ],
)
def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_its_longest_time(
    began_at, seen_at, now, over
):
    assert is_over(began_at, seen_at, now) is over


def test_five_wrong_passwords_of_a_name_are_free_then_waits_grow_up_to_a_quarter_of_an_hour():
    waits = [sessions.wait_of_name(failures) for failures in range(5, 20)]
    assert [sessions.wait_of_name(failures) for failures in range(5)] == [0] * 5
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits == sorted(waits)
    assert waits[-1] == sessions.wait_of_name(10**9) == 900


def test_an_address_may_be_that_of_a_whole_office():
    assert sessions.wait_of_address(19) == 0
    assert sessions.wait_of_address(25) > 0


@pytest.mark.parametrize("path", ["/", "/campaigns/clinic", "/campaigns/clinic?tab=plan&x=1#top"])
def test_people_come_back_to_the_page_that_they_asked_for(path):
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\\b",
        " /",
        "/ä",
        "/a\r\nSet-Cookie: x=1",
    ],
)
def test_nobody_is_sent_to_another_site(path):
    assert local_path(path) == "/"


@given(st.text())
def test_where_people_are_sent_is_always_a_path_of_this_site(text):
    found = local_path(f"/{text}")
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isascii()
    assert found.isprintable()


def test_the_token_of_a_form_depends_on_the_session():
    assert csrf_of("one") == csrf_of("one") != csrf_of("other")
    assert csrf_of(b"key", "proxy ana") != csrf_of(b"key", "proxy ben")
