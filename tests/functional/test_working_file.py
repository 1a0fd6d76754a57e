"""The working set of a plan: private, ordered, and deleted with its process."""

import gc
import os
import resource
import stat
from pathlib import Path

import pytest
from small_campaign import BOSTON, CHICAGO, campaign, person, plan_of, reasons, remembered, slots

from runner.calls import CallState, Reason
from runner.contacts.contact import Exclusion
from runner.errors import RunnerError
from runner.planning.candidate import Assignment, Candidate
from runner.planning.plan import Availability
from runner.planning.working_file import WorkingFile

LONG = "x" * 4_000
"""As metadata: so few candidates fill more memory than SQLite takes."""
MORE_THAN_FIT = 6_000


def candidate(number, **values):
    return Candidate(
        **{
            "key": f"p{number}",
            "phone": f"+1617{number:07}",
            "others": "",
            "priority": 0.0,
            "source": "visits.csv",
            "line": number + 2,
            "zones": '["America/New_York"]',
            "home": "",
            "states": "",
            "unread": "",
            "earliest": None,
            "latest": None,
            "phone_number": f"tel:+1617{number:07}",
            "metadata": f'{{"note": "{LONG}"}}',
            "result_url": "",
            "ref": f"ref{number}",
            "fault": "",
            **values,
        }
    )


def filled():
    working_set = WorkingFile()
    for number in range(MORE_THAN_FIT):
        working_set.add_candidate(number, candidate(number), needing_check=True)
    return working_set


def open_files_without_a_name():
    """Of this process: (mode, size)."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.endswith(" (deleted)"):
            status = os.fstat(int(descriptor.name))
            found.append((stat.S_IMODE(status.st_mode), status.st_size))
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it looks into /proc")
def test_a_large_working_set_goes_to_a_private_unnamed_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    before = len(open_files_without_a_name())
    working_set = filled()
    (new,) = open_files_without_a_name()[before:]
    mode, size = new
    assert mode == 0o600
    assert size > 1_000_000
    assert list(tmp_path.iterdir()) == []
    assert sum(1 for _ in working_set.needing_check(1, None)) == MORE_THAN_FIT
    del working_set
    gc.collect()
    assert len(open_files_without_a_name()) == before


def test_a_full_disk_gives_an_error_without_personal_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(RunnerError, match="its temporary file failed") as raised:
            filled()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "TMPDIR" in raised.value.hint
    assert "1617" not in f"{raised.value.message}{raised.value.__cause__}"


def test_left_out_names_why_a_contact_and_number_have_no_call():
    working_set = WorkingFile()
    for number, key in enumerate(["planned", "queued", "listed", "planned"]):
        working_set.add_candidate(number, candidate(number, key=key), needing_check=False)
    list(working_set.needing_check(1, None))
    for number, reason in ((1, Reason.ALREADY_QUEUED), (2, Reason.SUPPRESSED), (3, Reason.DUPLICATE_KEY)):
        key = ["queued", "listed", "planned"][number - 1]
        exclusion = Exclusion(key=key, reason=reason, source="a.csv", line=number + 2, detail="a detail")
        working_set.exclude(number, exclusion)
    working_set.assign(0, Assignment(1, 2, 3, "new", "new", "", None, 1, None))
    phones = [candidate(number).phone for number in range(4)]
    assert working_set.left_out("planned", phones[0]) is None
    assert working_set.left_out("queued", phones[1]) is None
    assert working_set.left_out("listed", phones[2]) == "suppressed: a detail"
    assert working_set.left_out("queued", phones[0]) == "the contact has another number now"
    assert working_set.left_out("planned", phones[2]) == "duplicate_key: a detail"
    assert working_set.left_out("nobody", phones[0]) == "no source has this contact any more"


def test_candidates_come_by_priority_then_row_despite_later_exclusions():
    working_set = WorkingFile()
    for number, priority in enumerate([1.0, 5.0, -2.5, 5.0, 0.0]):
        working_set.add_candidate(number, candidate(number, priority=priority), needing_check=False)
    working_set.exclude(0, exclusion("p0"))
    assert [number for number, *_ in working_set.candidates()] == [1, 3, 4, 2]
    for number, *_ in working_set.candidates():
        working_set.exclude(number, exclusion(f"p{number}"))
    assert [number for number, *_ in working_set.candidates()] == [1, 3, 4, 2]
    assert [found.key for found in working_set.exclusions()] == ["p0", "p1", "p2", "p3", "p4"]


def exclusion(key):
    plan = plan_of(campaign(), [person(key, "no number")])
    return plan.exclusions[0]


def test_calls_can_be_read_by_index_and_slice():
    plan = plan_of(
        campaign(more="pacing: {calls_per_minute: 1}"), [person(f"p{n}", f"617 555 {n:04}") for n in range(9)]
    )
    calls = list(plan.calls)
    assert [plan.calls[index].key for index in (0, 4, -1)] == [calls[0].key, calls[4].key, calls[8].key]
    assert list(plan.calls[2:5]) == calls[2:5]
    assert list(plan.calls[::-3]) == calls[::-3]
    assert list(plan.calls[20:]) == []
    with pytest.raises(IndexError):
        plan.calls[9]
    assert len(plan.calls) == 9


def test_a_plan_can_be_read_several_times_at_once():
    plan = plan_of(campaign(), [person("a", BOSTON), person("b", CHICAGO)])
    pairs = [(one.key, other.key) for one in plan.calls for other in plan.calls]
    assert len(pairs) == 4


def test_a_call_beyond_the_limit_stays_planned_despite_a_duplicate_row():
    """The other row is left out as a duplicate, which is no reason to take the call away."""
    rows = [person("a", BOSTON), person("b", CHICAGO), person("b", "312 555 0101")]
    before = plan_of(campaign(), rows[:2])
    plan = plan_of(campaign(), rows, history=remembered(before), limit=1)
    assert list(slots(plan)) == ["a"]
    assert [found.reason for found in plan.exclusions] == [Reason.CALL_LIMIT, Reason.DUPLICATE_KEY]
    assert plan.withdrawals == ()


def test_the_newest_call_of_a_contact_counts():
    first = remembered(plan_of(campaign(), [person("a", BOSTON)]))
    skipped = [call._replace(availability=Availability.OPEN, state=CallState.SKIPPED) for call in first]
    queued = [call._replace(availability=Availability.TAKEN, state=CallState.QUEUED) for call in first]
    rows = [person("a", BOSTON)]
    assert reasons(plan_of(campaign(), rows, history=[*skipped, *queued])) == {"a": Reason.ALREADY_QUEUED}
    # A number that was called once stays called, whatever became of a later call.
    assert reasons(plan_of(campaign(), rows, history=[*queued, *skipped])) == {"a": Reason.ALREADY_QUEUED}
