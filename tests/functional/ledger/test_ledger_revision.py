"""A campaign's revision differs after every change that makes an older plan wrong, and after no other."""

from dataclasses import replace

from ledger_values import THIS, begin, claim_all
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from planned_calls import calls as people

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.claim import AttemptResult
from runner.ledger.operators import Operators, Resolution
from runner.ledger.revision import NEVER_APPLIED


def test_the_revision_changes_with_every_change_of_a_call(ledger):
    seen = [ledger.history(CAMPAIGN).revision]
    assert seen == [NEVER_APPLIED]

    def has_changed():
        seen.append(ledger.history(CAMPAIGN).revision)
        return len(set(seen)) == len(seen)

    run, queue = begin(ledger, *people(3))
    assert has_changed()
    (claim,) = claim_all(queue, most=1)
    assert has_changed()
    queue.finish(
        claim,
        AttemptResult(
            state=CallState.UNCERTAIN, reason=StateReason.of(ReasonCode.UNCERTAIN, problem="no answer")
        ),
        NOW,
    )
    assert has_changed()
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["c0"], Resolution.ABANDONED, None, NOW + 10**9)
    assert has_changed()
    queue.skip({claim.call + 1: StateReason.of(ReasonCode.EXCLUDED, why="filtered")}, NOW)
    assert has_changed()
    ledger.end_run(run, "done", NOW)
    begin(ledger, call("c2", phone(2), change="unchanged"))
    assert has_changed()


def test_another_campaign_does_not_change_the_revision(ledger):
    begin(ledger, *people(2))
    before = ledger.history(CAMPAIGN).revision
    ledger.begin_run(replace(BINDING, campaign="another"), plan(*people(2)), THIS, NOW)
    assert ledger.history(CAMPAIGN).revision == before


def test_a_pause_does_not_change_the_revision(ledger):
    begin(ledger, *people(2))
    before = ledger.history(CAMPAIGN).revision
    Operators(ledger.engine, "ann@desk").pause(CAMPAIGN, NOW)
    assert ledger.history(CAMPAIGN).revision == before
