"""Nothing that is shown can steer a terminal, turn the direction of text or hide in it."""

import json
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from runner.characters import escaped, on_one_line, visible

ALL = [chr(code) for code in range(sys.maxunicode + 1)]
WITHOUT_A_SHAPE = set(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00013441\U00013442\U00016fe4\U0001d159"
) | {chr(code) for first, last in ((0xFE00, 0xFE0F), (0xE0000, 0xE0FFF)) for code in range(first, last + 1)}
HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_hidden(character):
    return unicodedata.category(character) in HIDDEN_CATEGORIES or character in WITHOUT_A_SHAPE


def test_every_control_bidirectional_and_invisible_character_is_replaced():
    shown = {character for character in ALL if is_hidden(character) and visible(character) == character}
    assert shown == {"\n", "\t"}


def test_everything_that_can_be_seen_stays():
    changed = {character for character in ALL if not is_hidden(character) and visible(character) != character}
    # Not assigned yet: Unicode has set them aside for more of the kind.
    assert {unicodedata.category(character) for character in changed} <= {"Cn"}
    text = "Søn, 株式会社\N{IDEOGRAPHIC SPACE}山田, 🙂, ½ …"
    assert visible(text) == text


def test_a_value_on_one_line_has_no_line_break_and_no_tab():
    assert on_one_line("a\nb\tc\r\x85\u2028") == "a\ufffdb\ufffdc\ufffd\ufffd\ufffd"


@given(st.text(alphabet=st.sampled_from('ab\\"\x1b\x9b\u202e\u2028\U000e0041\ufe0f\ud800🙂')))
def test_escaped_json_shows_nothing_hidden_and_says_the_same(text):
    shown = escaped(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert visible(shown) == shown
    assert json.loads(shown) == {text: [text]}
