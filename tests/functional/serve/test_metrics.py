"""What Prometheus reads, over a real ledger and the sandbox."""

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_reconciler import ALWAYS, PATIENCE_SECONDS, PEOPLE, declare, environment_of

from runner.calls import CallState
from runner.dispatch.events import CallEnded, RequestSent
from runner.dispatch.rate_limit import RateLimit
from runner.errors import LedgerUnavailableError
from runner.insight.sandbox import running_sandbox
from runner.serve import private_site
from runner.serve.metrics import METRICS, Metrics
from runner.serve.private_site import kept_totals
from runner.serve.reconciler import Reconciler
from runner.serve.served import ServeStatus

CALL = {"key": "A1", "ref": "0123456789", "reason": None, "call_id": None, "start_timestamp": 0}


class NothingServed:
    def campaigns(self):
        return []


def read(counted, served=None):
    """Name and labels of each sample, with its value."""
    text = asyncio.run(counted.text(served or NothingServed())).decode()
    return samples(text)


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ended(*, lag, status=200, state=CallState.QUEUED):
    return CallEnded(**CALL, state=state, request=RequestSent(lag=lag, status=status))


def test_metrics_of_a_campaign_agree_with_what_insight_got(ledger, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    declare(tmp_path, windows=ALWAYS)

    async def serve(environment):
        counted = Metrics(kept_totals(environment.ledger), environment.rate, {"applied": 3})
        served = Reconciler(
            [tmp_path],
            environment,
            on_status=lambda _found: None,
            on_problem=lambda _error: None,
        )
        served.listen(counted.hear)
        keeping = asyncio.create_task(served.keep())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while [each.status for each in served.campaigns()] != [ServeStatus.WAITING_FOR_RESULTS]:
                await served.changed()
            text = await counted.text(served)
            served.stop()
            await keeping
        return text.decode()

    with running_sandbox() as insight:
        found = samples(asyncio.run(serve(environment_of(ledger, insight))))
        assert len(insight.calls()) == PEOPLE
    assert found["runner_calls", "clinic", "queued"] == PEOPLE
    assert found["runner_calls", "clinic", "planned"] == 0
    assert found["runner_results_awaited", "clinic"] == PEOPLE
    assert found["runner_requests_total", "clinic", "200"] == PEOPLE
    assert (
        found["runner_send_lag_seconds_count",] == found["runner_send_lag_seconds_bucket", "+Inf"] == PEOPLE
    )
    assert found["runner_rate_limited_requests_total",] >= PEOPLE
    assert found["runner_request_rate_limit",] == 100
    assert found["runner_campaigns", "waiting_for_results"] == 1
    assert found["runner_campaigns", "waiting_for_approval"] == 0
    assert found["runner_campaign_status", "clinic", "waiting_for_results"] == 1
    assert found["runner_callbacks_total", "applied"] == 3
    assert found["runner_ledger_up",] == 1
    assert found["process_resident_memory_bytes",] > 0
    assert "runner_next_due_timestamp_seconds" not in {name for name, *_ in found}


def test_requests_are_counted_by_lag_and_by_the_status_of_their_answers(ledger):
    counted = Metrics(kept_totals(ledger), RateLimit(5), {})
    counted.hear("clinic", ended(lag=0.1))
    counted.hear("clinic", ended(lag=0.2, status=400, state=CallState.REFUSED))
    counted.hear("other", ended(lag=-3, status=None, state=CallState.UNCERTAIN))
    counted.hear("other", CallEnded(**CALL, state=CallState.PLANNED))
    found = read(counted)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "runner_requests_total"}
    assert requests == {("clinic", "200"): 1, ("clinic", "400"): 1, ("other", "none"): 1}
    buckets = [found["runner_send_lag_seconds_bucket", bound] for bound in ("0.05", "0.1", "0.25", "+Inf")]
    assert buckets == [1, 2, 3, 3]
    assert found["runner_send_lag_seconds_sum",] == pytest.approx(0.3)


def test_a_counter_never_falls_though_requests_are_given_back(ledger):
    rate = RateLimit(5)
    counted = Metrics(kept_totals(ledger), rate, {})
    rate.spend(0, 8)
    assert read(counted)["runner_rate_limited_requests_total",] == 8
    rate.give_back(8)
    assert read(counted)["runner_rate_limited_requests_total",] == 8


def test_a_ledger_that_cannot_be_read_leaves_the_other_metrics(ledger, monkeypatch):
    def unavailable(*_):
        raise LedgerUnavailableError("the server is gone")

    monkeypatch.setattr(private_site, "totals", unavailable)
    counted = Metrics(kept_totals(ledger), RateLimit(5), {})
    counted.hear("clinic", ended(lag=0))
    found = read(counted)
    assert found["runner_ledger_up",] == 0
    assert found["runner_requests_total", "clinic", "200"] == 1
    assert not any(name == "runner_calls" for name, *_ in found)


def test_no_metric_is_named_twice():
    assert len({each.name for each in METRICS}) == len(METRICS)
