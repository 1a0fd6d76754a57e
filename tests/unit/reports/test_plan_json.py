import json
from dataclasses import asdict, replace
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from saved_plans import saved
from small_campaign import campaign, people, person, plan_of, remembered

from runner.contacts.identity import Identity
from runner.planning.saved_plan import sign
from runner.reports.plan_json import checksum_of, plan_json, saved_plan_json
from runner.reports.plan_text import print_plan
from runner.reports.saved_plan_json import NoPlanError, read_saved_plan

LOADED = campaign(
    contacts="  where: \"{{ row.id != 'out' }}\"",
    more='metadata: {name: "{{ row.name }}", site: ""}\nresult_url: "https://hooks.example.org/{{ row.id }}"',
)
HISTORY = remembered(plan_of(LOADED, people(1, 2, 9)))
PLAN = plan_of(LOADED, [people(1)[0] | {"name": "Bob"}, *people(2, 3), person("out")], history=HISTORY)
SAVED = saved(LOADED, PLAN, ledger_knew=True)


def written(saved_plan):
    return saved_plan_json(
        saved_plan.view, saved_plan.inputs, lambda checksum: sign(checksum, Identity(b"privacy"))
    )


PIECES = list(written(SAVED))
TEXT = "".join(PIECES)
UNSAVED = "".join(plan_json(SAVED.view))


def test_a_saved_plan_is_read_back_as_it_was():
    found = read_saved_plan(TEXT)
    assert replace(found.inputs, calls=()) == replace(SAVED.inputs, calls=())
    assert list(found.inputs.calls) == list(SAVED.inputs.calls)
    assert (list(found.view.calls), list(found.view.exclusions)) == (
        list(SAVED.view.calls),
        list(SAVED.view.exclusions),
    )
    same = {"calls": (), "exclusions": ()}
    assert replace(found.view, **same) == replace(SAVED.view, **same)


def test_the_counts_add_up():
    summary = json.loads(TEXT)["summary"]
    assert summary["rows"] == summary["planned"] + summary["excluded"] == 4
    assert {name: summary[name] for name in ("new", "changed", "unchanged", "withdrawn")} == {
        "new": 1,
        "changed": 1,
        "unchanged": 1,
        "withdrawn": 1,
    }


def test_the_json_has_the_rounds_and_the_calls_that_may_follow():
    loaded = campaign(more="retry_policy: {rounds: 3}", to="2026-12-14")
    plan = plan_of(loaded, people(1, 2))
    content = json.loads("".join(plan_json(saved(loaded, plan).view)))
    assert (content["rounds"], content["summary"]["further_calls"]) == (3, 4)
    assert [call["round"] for call in content["calls"]] == [1, 1]


def test_a_saved_plan_keeps_the_calls_that_may_follow():
    loaded = campaign(more="retry_policy: {rounds: 3}", to="2026-12-14")
    found = read_saved_plan("".join(written(saved(loaded, plan_of(loaded, people(1, 2))))))
    assert found.view.statistics.rounds == {1: 2}
    assert found.view.statistics.further_calls == 4


def test_its_pieces_hold_a_call_each():
    assert max(piece.count('"start_timestamp"') for piece in PIECES) == 1


def test_it_is_the_view_field_by_field():
    content = json.loads(UNSAVED)
    for written, calls in (
        (content["calls"], SAVED.view.calls),
        (content["exclusions"], SAVED.view.exclusions),
    ):
        assert written == json.loads(json.dumps([asdict(each) for each in calls]))


def test_lists_of_which_nothing_is_there_are_empty():
    content = json.loads("".join(plan_json(replace(SAVED.view, calls=(), exclusions=(), withdrawals=()))))
    assert (content["calls"], content["exclusions"], content["withdrawals"]) == ([], [], [])


def test_each_call_has_its_own_line():
    (line,) = [line for line in TEXT.splitlines() if '"contact": "p3"' in line]
    assert json.loads(line.rstrip(","))["change"] == "new"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not valid JSON"),
        ("[]", "not a plan"),
        ("{}", "not a plan"),
        (UNSAVED, "not a saved plan"),
        (TEXT.replace('"format_version": 1', '"format_version": 2'), "another version"),
        (TEXT.replace("America/New_York", "Nowhere/Else", 1), "it is damaged"),
        (TEXT.replace('"round": 1', '"round": "one"', 1), "it is damaged at calls.0.round"),
        (TEXT.replace('"start_timestamp": ', '"start_timestamp": 9999999', 1), "it is damaged"),
        (TEXT.replace('"signature": "', '"signature": "é'), "it is damaged at signature"),
        ("[" * 100_000, "it is damaged"),
    ],
    ids=["empty", "list", "object", "unsaved", "later", "zone", "type", "far future", "signature", "deep"],
)
def test_text_that_is_not_a_saved_plan_is_refused_with_the_reason(text, why):
    with pytest.raises(NoPlanError) as refused:
        read_saved_plan(text)
    assert why in refused.value.message
    assert refused.value.hint


def _places(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from _places(child, (*path, name))


CONTENT = json.loads(TEXT)
PLACES = list(_places(CONTENT))[1:]
NASTY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.just({})
)


@given(place=st.sampled_from(PLACES), value=NASTY)
@example(place=("calls", 0, "changed"), value=[])
def test_an_edited_plan_is_refused_or_does_not_match_its_signature(place, value):
    content = json.loads(TEXT)
    *above, last = place
    holder = content
    for name in above:
        holder = holder[name]
    holder[last] = value
    try:
        found = read_saved_plan(json.dumps(content))
    except NoPlanError:
        return
    print_plan(Console(width=80, file=StringIO()), found.view)
    if checksum_of(found.view, found.inputs) == found.signature.partition(".")[0]:
        assert "".join(written(found)) == TEXT


def test_a_saved_plan_keeps_the_metadatabase_and_one_without_has_no_such_key():
    found = read_saved_plan("".join(written(replace(SAVED, view=replace(SAVED.view, metadatabase="visits")))))
    assert found.view.metadatabase == "visits"
    assert "metadatabase" not in json.loads(UNSAVED)
