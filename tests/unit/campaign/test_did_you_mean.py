from runner.campaign.diagnostics import did_you_mean


def test_a_near_word_is_named():
    assert (
        did_you_mean("reatempt_wait", ["max_attempts", "reattempt_wait"]) == "did you mean `reattempt_wait`?"
    )


def test_case_makes_no_difference():
    assert did_you_mean("america/new_york", {"America/New_York"}) == "did you mean `America/New_York`?"


def test_nothing_is_said_when_nothing_is_near():
    assert did_you_mean("zebra", ["phone", "key"]) == ""


def test_a_word_longer_than_any_name_is_not_compared():
    assert did_you_mean("a" * 81, ["a" * 81]) == ""
