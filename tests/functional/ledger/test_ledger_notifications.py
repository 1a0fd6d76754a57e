"""What is reported is kept before it is posted: on both databases, over crashes and between processes."""

from concurrent.futures import ThreadPoolExecutor

from planned_calls import NOW

from runner.ledger import notifications
from runner.ledger.notifications import Report

CLAIM = 120


def report(ledger, event="stopped", subject="s", *, at=NOW, campaign="clinic", to=("slack",)):
    found = Report(campaign=campaign, event=event, subject=subject, at=at, body={"text": event})
    notifications.report(ledger.engine, found, to)


def take(ledger, now=NOW, most=100):
    return notifications.take_unsent(ledger.engine, now, CLAIM, most)


def sent(ledger, now=NOW):
    """All that is posted, in order, where every post succeeds."""
    found = []
    while some := take(ledger, now):
        for each in some:
            found.append((each.campaign, each.connection, each.event, each.at))
            notifications.was_sent(ledger.engine, each, now)
    return found


def test_what_lasts_is_reported_once_to_each_connection(ledger):
    report(ledger)
    report(ledger, at=NOW + 60, to=("slack", "pager"))
    assert sent(ledger) == [("clinic", "slack", "stopped", NOW), ("clinic", "pager", "stopped", NOW + 60)]
    assert notifications.is_reported(ledger.engine, "clinic", "stopped", "s", ["slack", "pager"])
    assert not notifications.is_reported(ledger.engine, "clinic", "stopped", "s", ["slack", "mail"])


def test_what_is_over_is_reported_when_it_happens_again(ledger):
    report(ledger)
    notifications.end(ledger.engine, "clinic", "stopped", NOW + 1)
    report(ledger, at=NOW + 2)
    report(ledger, subject="other", at=NOW + 3)
    report(ledger, at=NOW + 4)
    assert [at for *_, at in sent(ledger)] == [NOW, NOW + 2, NOW + 3, NOW + 4]


def test_only_the_oldest_of_a_campaign_and_connection_is_posted_until_it_succeeded(ledger):
    report(ledger, "stopped")
    report(ledger, "finished")
    report(ledger, "stopped", campaign="other")
    first = take(ledger)
    assert [(each.campaign, each.event) for each in first] == [("clinic", "stopped"), ("other", "stopped")]
    assert take(ledger) == []
    notifications.try_again(ledger.engine, first[0], NOW + 10)
    assert take(ledger, NOW + 9) == []
    (again,) = take(ledger, NOW + 10)
    assert (again.id, again.tries) == (first[0].id, 2)
    notifications.is_given_up(ledger.engine, again, NOW + 11)
    assert [each.event for each in take(ledger, NOW + 11)] == ["finished"]


def test_what_a_process_took_and_died_with_is_posted_again(ledger):
    report(ledger)
    (taken,) = take(ledger)
    assert take(ledger, NOW + CLAIM - 1) == []
    assert [each.id for each in take(ledger, NOW + CLAIM)] == [taken.id]


def test_processes_that_share_a_ledger_do_not_post_the_same(ledger):
    for number in range(20):
        report(ledger, campaign=f"campaign-{number}")
    with ThreadPoolExecutor(4) as threads:
        taken = [each.campaign for some in threads.map(lambda _: take(ledger), range(8)) for each in some]
    assert sorted(taken) == sorted(f"campaign-{number}" for number in range(20))


def test_the_newest_run_tells_one_end_from_the_next(ledger):
    assert notifications.newest_run(ledger.engine, "clinic") == 0
