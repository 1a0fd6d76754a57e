"""A campaign's report for programs: every figure, complete and not rounded, with its definition."""

from collections.abc import Iterator
from typing import Any

from runner.calls import PROBLEMS
from runner.reports import definitions
from runner.reports.campaign_report import CampaignFigures
from runner.reports.definitions import disposition_words, meaning
from runner.reports.forms import FORMAT_VERSION
from runner.reports.times import DAYS, rfc3339
from runner.results.dispositions import EDITION, Disposition
from runner.results.figures import Figures, quantile
from runner.results.rates import Rate, Share
from runner.results.survey_report import Visits


def report_json(given: CampaignFigures) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "campaign": given.campaign,
        "as_of": rfc3339(given.as_of),
        "contacts": given.contacts,
        "calls": given.calls,
        "calls_without_result": given.waiting,
        **_rules(given),
        "dispositions": list(_dispositions(given)),
        "words": list(_words(given.figures)),
        "rates": [_rate(rate) for rate in given.figures.rates(given.rules)],
        "contact_rates": _contact_rates(given.figures),
        **_attempts_and_lag(given.figures),
        "survey_report": _survey_report(given.visits),
        "needs_person": _needs_person(given),
        "definitions": definitions.all_of(given.rules, given.eligibility),
    }


def _rules(given: CampaignFigures) -> dict[str, Any]:
    rules = given.rules
    return {
        "edition": EDITION,
        "completes_from": rules.completes_from.value,
        "partials": "respondents" if rules.partials_respond else "nonrespondents",
        "e": {"value": given.eligibility, "estimated": rules.eligibility is None},
    }


def _dispositions(given: CampaignFigures) -> Iterator[dict[str, Any]]:
    for code in Disposition:
        yield {
            "code": code.value,
            "disposition": disposition_words(code, given.rules.completes_from),
            "group": code.group.value,
            "contacts": given.figures.contacts[code],
        }


def _words(figures: Figures) -> Iterator[dict[str, Any]]:
    for (word, code), calls in sorted(figures.calls.items()):
        yield {"word": word, "code": code.value, "calls": calls, "meaning": meaning(word)}


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "name": rate.name,
        "family": rate.family.value,
        "formula": rate.formula,
        "numerator": rate.numerator,
        "denominator": rate.denominator,
        "value": rate.value,
    }


def _contact_rates(figures: Figures) -> dict[str, Any]:
    return {
        "hour": [{"hour": hour, **_share(share)} for hour, share in figures.by_hour().items()],
        "weekday": [{"weekday": DAYS[day], **_share(share)} for day, share in figures.by_weekday().items()],
        "weekday_and_hour": [
            {"weekday": DAYS[day], "hour": hour, **_share(share)}
            for (day, hour), share in figures.by_weekday_and_hour().items()
        ],
        "round": [{"round": round_, **_share(share)} for round_, share in figures.by_round().items()],
        "zone": [{"zone": " ".join(zones), **_share(share)} for zones, share in figures.by_zone().items()],
        "dials_without_time": figures.dials_without_time,
    }


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval or (None, None)
    return {"tried": share.whole, "answered": share.part, "rate": share.value, "low": low, "high": high}


def _attempts_and_lag(figures: Figures) -> dict[str, Any]:
    counted = figures.until_answered
    return {
        "attempts_until_answered": [
            {"attempts": attempts, "contacts": counted[attempts]} for attempts in sorted(counted)
        ],
        "lag_minutes": {
            name: quantile(figures.lags, share)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("longest", 1.0))
        },
    }


def _survey_report(visits: Visits | None) -> dict[str, int] | None:
    if visits is None:
        return None
    return {"rows": visits.total, "unmatched": len(visits.unmatched()), "unreadable": visits.unreadable}


def _needs_person(given: CampaignFigures) -> dict[str, int]:
    by_state = {state.value: given.overview.states[state] for state in sorted(PROBLEMS)}
    return {**by_state, "late_opt_outs": len(given.overview.late_opt_outs)}
