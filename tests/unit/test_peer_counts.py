"""The comparison with other tools counts what it should count."""

from benchmarks.peers.counting import Count, count, lateness


def test_each_call_is_counted_by_what_arrived_and_what_the_tool_says():
    found = count(
        calls=["once", "twice", "forgotten", "uncertain", "uncertain, arrived", "to be sent", "sent again"],
        arrived=["once", "twice", "twice", "uncertain, arrived", "sent again"],
        waiting=["to be sent", "sent again"],
        reported=["uncertain", "uncertain, arrived"],
    )
    assert found == Count(twice=1, lost=1, reported=2, reported_arrived=1, waiting=1)


def test_a_call_that_the_tool_took_for_sent_and_that_did_not_arrive_is_lost():
    assert count(calls=["a"], arrived=[], waiting=[], reported=[]).lost == 1


def test_lateness_is_counted_from_when_each_call_was_due():
    due = {str(number): number for number in range(100)}
    arrived_at = {phone: at + 0.25 for phone, at in due.items()} | {"7": 10}
    assert lateness(arrived_at, due) == (0.25, 3)
