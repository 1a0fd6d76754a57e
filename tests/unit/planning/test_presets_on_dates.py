"""Each preset on real dates. The public source of each fact is named with its test."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from small_campaign import hours_rule

from runner.campaign.model import CallingWindows
from runner.campaign.rules.presets import presets
from runner.campaign.rules.rule_set import applicable
from runner.planning.calendar import Calendar, RuleKind
from runner.planning.rule_cuts import rule_cuts, windows_outside
from runner.planning.windows import clip

ALL_DAY = {"daily": "00:00-24:00"}
NEW_YORK, MIAMI, CHICAGO = "America/New_York", "America/New_York", "America/Chicago"


def calendar(weekly=ALL_DAY, *, dates=("2026-11-01", "2027-02-01"), now="2026-11-01T00:00", **more):
    declared = CallingWindows.model_validate(
        {"weekly": weekly, "dates": {"from": dates[0], "to": dates[1]}, **more}
    )
    return Calendar(declared, instant(now, "UTC"))


def instant(local, zone):
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()


def windows_of(preset, zone, *, states=(), own=None, made=None):
    rules = applicable(presets().rule_sets([preset]), frozenset(states))
    return (made or calendar()).windows((zone,) if isinstance(zone, str) else zone, own, rules)


def is_open(preset, local, zone, **where):
    at = instant(local, zone if isinstance(zone, str) else zone[0])
    return any(window.start <= at < window.end for window in windows_of(preset, zone, **where))


def hours_of(preset, day, zone, **where):
    """The open hours of a local day, such as `10:00-13:00 14:00-20:00`."""
    midnight = int(instant(f"{day}T00:00", zone))
    opened = clip(windows_of(preset, zone, **where), midnight, midnight + 86_400)
    hours = (
        [f"{(at - midnight) // 3600:02}:{(at - midnight) // 60 % 60:02}" for at in window]
        for window in opened
    )
    return " ".join(f"{start}-{end}" for start, end in hours) or "closed"


# 2026-12-04 is a Friday, 12-05 a Saturday, 12-06 a Sunday.
@pytest.mark.parametrize("day", ["2026-12-04", "2026-12-05", "2026-12-06", "2026-12-25"])
def test_federal_hours_are_8_to_21_on_every_day(day):
    """47 CFR 64.1200(c)(1), 16 CFR 310.4(c)."""
    assert hours_of("us-federal", day, NEW_YORK) == "08:00-21:00"


def test_recorded_calls_to_homes_have_a_cap_and_no_hours():
    """FCC 20-186 and 22-100; 88 FR 3668, in force since 2023-07-20."""
    (rule,) = presets().rule_sets(["us-recorded-residential"])

    assert [(cap.calls, cap.per_seconds) for cap in rule.caps] == [(3, 30 * 86_400)]
    assert not rule.limits_hours


def test_number_in_florida_is_not_called_on_a_friday_evening_at_half_past_eight():
    """Fla. Stat. 501.616(6)."""
    assert not is_open("us-states", "2026-12-04T20:30", MIAMI, states=["FL"])
    assert is_open("us-states", "2026-12-04T19:59", MIAMI, states=["FL"])
    assert is_open("us-states", "2026-12-04T20:30", NEW_YORK, states=["NY"])


@pytest.mark.parametrize(
    "preset",
    [
        pytest.param("us-fl", id="Fla. Stat. 501.616(6)"),
        pytest.param("us-ok", id="15 O.S. 775C.4"),
        pytest.param("us-md", id="secondary sources on Maryland"),
    ],
)
def test_three_states_have_hours_from_8_to_20_and_three_calls_a_day(preset):
    (rule,) = presets().rule_sets([preset])

    assert [hours_of(preset, day, CHICAGO) for day in ("2026-12-04", "2026-12-06")] == ["08:00-20:00"] * 2
    assert [(cap.calls, cap.per_seconds) for cap in rule.caps] == [(3, 86_400)]


def test_washington_has_hours_from_8_to_20_and_no_cap():
    """RCW 19.158.040(2)."""
    (rule,) = presets().rule_sets(["us-wa"])

    assert hours_of("us-wa", "2026-12-06", "America/Los_Angeles") == "08:00-20:00"
    assert rule.caps == ()


@pytest.mark.parametrize("preset", ["us-al", "us-la"])
def test_alabama_and_louisiana_are_closed_on_sundays_and_public_holidays(preset):
    """Secondary sources."""
    assert hours_of(preset, "2026-12-05", CHICAGO) == "08:00-20:00"
    assert hours_of(preset, "2026-12-06", CHICAGO) == "closed"
    assert hours_of(preset, "2026-12-25", CHICAGO) == "closed"
    assert hours_of(preset, "2026-11-26", CHICAGO) == "closed"


def test_louisiana_has_its_own_election_day():
    """La. R.S. 1:55 makes it a holiday in even years; Alabama has none that day."""
    assert hours_of("us-la", "2026-11-03", CHICAGO) == "closed"
    assert hours_of("us-al", "2026-11-03", CHICAGO) == "08:00-20:00"


def test_contact_whose_state_is_unknown_has_the_strictest_hours_of_all_states():
    assert hours_of("us-states", "2026-12-05", NEW_YORK) == "08:00-20:00"
    assert hours_of("us-states", "2026-12-06", NEW_YORK) == "closed"


def test_contact_in_one_of_two_states_has_the_stricter_hours():
    assert hours_of("us-states", "2026-12-06", CHICAGO, states=["MS", "AL"]) == "closed"
    assert hours_of("us-states", "2026-12-06", CHICAGO, states=["MS", "TN"]) == "08:00-21:00"


def test_strict_preset_is_closed_on_sundays_and_on_holidays_of_the_contacts_state():
    """Composite of the state rules. Columbus Day and Patriots' Day are not holidays of every state."""
    assert hours_of("us-strict", "2026-12-05", NEW_YORK) == "08:00-20:00"
    assert hours_of("us-strict", "2026-12-06", NEW_YORK) == "closed"
    assert hours_of("us-strict", "2026-11-03", NEW_YORK, states=["LA"]) == "closed"
    assert hours_of("us-strict", "2026-11-03", NEW_YORK, states=["VT"]) == "08:00-20:00"
    assert hours_of("us-strict", "2026-12-24", NEW_YORK, states=["ON"]) == "08:00-20:00"


def test_canada_has_shorter_hours_at_the_weekend():
    """CRTC Unsolicited Telecommunications Rules, part II and III, sections 23 and 3."""
    assert hours_of("ca-uccr", "2026-12-04", "America/Toronto") == "09:00-21:30"
    assert hours_of("ca-uccr", "2026-12-05", "America/Toronto") == "10:00-18:00"
    assert hours_of("ca-uccr", "2026-12-06", "America/Toronto") == "10:00-18:00"


def test_research_calls_in_australia_may_be_made_on_sundays_but_not_on_public_holidays():
    """ACMA, Telecommunications (Telemarketing and Research Calls) Industry Standard 2017."""
    assert hours_of("au-research", "2026-12-04", "Australia/Sydney") == "09:00-20:30"
    assert hours_of("au-research", "2026-12-05", "Australia/Sydney") == "09:00-17:00"
    assert hours_of("au-research", "2026-12-06", "Australia/Sydney") == "09:00-17:00"
    assert hours_of("au-research", "2027-01-26", "Australia/Sydney") == "closed"


def test_telemarketing_in_australia_is_closed_on_sundays_and_public_holidays():
    """ACMA, as above."""
    assert hours_of("au-telemarketing", "2026-12-04", "Australia/Perth") == "09:00-20:00"
    assert hours_of("au-telemarketing", "2026-12-05", "Australia/Perth") == "09:00-17:00"
    assert hours_of("au-telemarketing", "2026-12-06", "Australia/Perth") == "closed"
    assert hours_of("au-telemarketing", "2026-12-25", "Australia/Perth") == "closed"


def test_french_commercial_calls_leave_out_lunch_weekends_and_holidays():
    """Décret 2022-1313."""
    (rule,) = presets().rule_sets(["fr-prospection"])

    assert hours_of("fr-prospection", "2026-12-04", "Europe/Paris") == "10:00-13:00 14:00-20:00"
    assert hours_of("fr-prospection", "2026-12-05", "Europe/Paris") == "closed"
    assert hours_of("fr-prospection", "2026-11-11", "Europe/Paris") == "closed"
    assert [(cap.calls, cap.per_seconds) for cap in rule.caps] == [(4, 30 * 86_400)]


def test_german_research_calls_have_sunday_hours_on_public_holidays():
    """ADM guideline. 2026-12-25 is a Friday."""
    (rule,) = presets().rule_sets(["de-research"])

    assert hours_of("de-research", "2026-12-04", "Europe/Berlin") == "09:00-21:00"
    assert hours_of("de-research", "2026-12-05", "Europe/Berlin") == "10:00-20:00"
    assert hours_of("de-research", "2026-12-06", "Europe/Berlin") == "10:00-18:00"
    assert hours_of("de-research", "2026-12-25", "Europe/Berlin") == "10:00-18:00"
    assert [(cap.calls, cap.per_seconds) for cap in rule.caps] == [(10, None), (4, 86_400)]


def test_italian_telemarketing_is_closed_on_sundays_and_public_holidays():
    """Code of conduct of 2024. 2026-12-08 is the Immaculate Conception."""
    assert hours_of("it-telemarketing", "2026-12-04", "Europe/Rome") == "09:00-20:00"
    assert hours_of("it-telemarketing", "2026-12-05", "Europe/Rome") == "10:00-19:00"
    assert hours_of("it-telemarketing", "2026-12-06", "Europe/Rome") == "closed"
    assert hours_of("it-telemarketing", "2026-12-08", "Europe/Rome") == "closed"


def test_spanish_commercial_calls_are_closed_at_weekends_and_on_public_holidays():
    """Press reports."""
    assert hours_of("es-commercial", "2026-12-04", "Europe/Madrid") == "09:00-21:00"
    assert hours_of("es-commercial", "2026-12-05", "Europe/Madrid") == "closed"
    assert hours_of("es-commercial", "2026-12-08", "Europe/Madrid") == "closed"


# --- how rules and windows meet --------------------------------------------------------------------------


def test_rules_never_widen_a_window():
    made = calendar({"mon-fri": "17:15-20:30"})

    assert not is_open("us-federal", "2026-12-04T17:00", NEW_YORK, made=made)
    assert is_open("us-federal", "2026-12-04T17:15", NEW_YORK, made=made)


def test_every_zone_of_the_contact_must_be_inside_the_rules():
    zones = (NEW_YORK, "America/Los_Angeles")

    assert not is_open("us-federal", "2026-12-04T10:59", zones)
    assert is_open("us-federal", "2026-12-04T11:00", zones)
    assert not is_open("us-federal", "2026-12-04T21:00", zones)


def test_rules_hold_by_the_contacts_clock_where_the_campaign_has_one_zone_for_all():
    made = calendar(timezone=NEW_YORK)
    own = ("America/Los_Angeles",)

    assert not is_open("us-federal", "2026-12-04T10:59", NEW_YORK, own=own, made=made)
    assert is_open("us-federal", "2026-12-04T23:59", NEW_YORK, own=own, made=made)


def test_contact_whose_own_zone_is_unknown_is_never_inside_the_rules():
    assert not is_open("us-federal", "2026-12-04T12:00", NEW_YORK, own=())


@pytest.mark.parametrize("day", ["2026-10-31", "2026-11-01", "2026-11-02"])
def test_rules_are_exact_when_the_clock_changes(day):
    made = calendar(dates=("2026-10-30", "2026-11-05"), now="2026-10-30T00:00")

    assert not is_open("us-federal", f"{day}T07:59", NEW_YORK, made=made)
    assert is_open("us-federal", f"{day}T08:00", NEW_YORK, made=made)
    assert is_open("us-federal", f"{day}T20:59", NEW_YORK, made=made)
    assert not is_open("us-federal", f"{day}T21:00", NEW_YORK, made=made)


def test_hours_past_midnight_of_a_rule_belong_to_the_day_on_which_they_start():
    night = frozenset([hours_rule("policy", {"fri": "22:00-02:00"})])
    windows = calendar().windows((NEW_YORK,), None, night)

    assert windows[0] == (instant("2026-11-06T22:00", NEW_YORK), instant("2026-11-07T02:00", NEW_YORK))


def test_equal_places_share_one_value_so_that_a_million_contacts_stay_fast():
    made = calendar()
    rules = presets().rule_sets(["us-states"])
    texas, utah = (applicable(rules, frozenset([state])) for state in ("TX", "UT"))

    assert made.windows((CHICAGO,), None, texas) is made.windows((CHICAGO,), None, utah)


def day_of(rule, local_day, weekly, zone=NEW_YORK, **more):
    made = calendar(weekly, now=f"{local_day}T12:00")
    rules = frozenset(presets().rule_sets([rule]))
    ((_, intervals),) = made.days(zone, 1, rules=rules, **more)
    return [(each.start // 60, each.end // 60, each.rule.kind, each.rule.preset) for each in intervals]


def test_interval_that_a_rule_closes_names_it():
    assert day_of("us-fl", "2026-12-04", {"daily": "18:00-22:00"}) == [
        (0, 18, RuleKind.OUTSIDE_HOURS, ""),
        (18, 20, RuleKind.HOURS, ""),
        (20, 22, RuleKind.PRESET_HOURS, "us-fl"),
        (22, 24, RuleKind.OUTSIDE_HOURS, ""),
    ]


def test_day_that_a_rules_holiday_closes_names_the_rule_and_the_holiday():
    assert day_of("us-al", "2026-12-25", {"daily": "18:00-20:00"})[1] == (
        18,
        20,
        RuleKind.PRESET_HOLIDAY,
        "us-al",
    )


def test_interval_is_cut_by_the_rule_of_another_zone():
    assert day_of("us-federal", "2026-12-04", {"daily": "09:00-23:00"}, own=("America/Los_Angeles",))[
        1:3
    ] == [
        (9, 11, RuleKind.PRESET_HOURS, "us-federal"),
        (11, 23, RuleKind.HOURS, ""),
    ]


def declared(weekly, **more):
    return CallingWindows.model_validate({"weekly": weekly, **more})


def test_cut_of_a_window_names_its_days_and_what_is_left():
    (rule,) = presets().rule_sets(["au-telemarketing"])

    found = rule_cuts(declared({"fri-sun": "16:00-21:00"}), rule)

    assert [(cut.days, cut.start, cut.end, cut.left) for cut in found] == [
        ((4,), 960, 1260, ((960, 1200),)),
        ((5,), 960, 1260, ((960, 1020),)),
        ((6,), 960, 1260, ()),
    ]


def test_window_inside_the_rule_is_not_cut():
    (rule,) = presets().rule_sets(["us-federal"])

    assert rule_cuts(declared({"daily": "08:00-21:00"}), rule) == ()


def closed_by(weekly, *names):
    rules = presets().rule_sets(names)
    return [(entry.name, closing) for entry, closing in windows_outside(declared(weekly), rules)]


def test_window_outside_of_a_rule_is_known_before_anybody_is_planned():
    weekly = {"sat,sun": "10:15-16:00", "mon": ["19:15-21:00", "20:15-21:00"]}

    assert closed_by(weekly, "fr-prospection") == [
        ("sat,sun 10:15-16:00", ("fr-prospection",)),
        ("mon 20:15-21:00", ("fr-prospection",)),
    ]


def test_window_that_rules_close_together_names_all_of_them():
    rules = [hours_rule("mornings", {"mon": "09:00-12:00"}), hours_rule("afternoons", {"mon": "13:00-17:00"})]

    ((entry, names),) = windows_outside(declared({"mon": ["11:15-14:00"]}), rules)

    assert (entry.name, names) == ("mon 11:15-14:00", ("mornings", "afternoons"))


def test_window_that_state_rules_alone_close_is_open_for_others():
    assert closed_by({"mon": "20:15-20:45"}, "us-states") == []
