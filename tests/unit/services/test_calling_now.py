"""What a test call asks Insight for, and when its phone may wake somebody."""

from datetime import UTC, datetime

import pytest
from small_campaign import campaign

from runner.errors import UsageError
from runner.insight.protocol import call_now_request
from runner.services.calling_now import local_warning, number_of


def at(hour):
    return datetime(2026, 12, 1, hour, tzinfo=UTC).timestamp()


def test_the_request_has_the_number_and_the_metadata_and_nothing_else():
    form = call_now_request(
        survey_id="48211",
        instance_id="3",
        phone_number="tel:+16175550100;ani=2125550100",
        metadata={"first_name": "Ann"},
        accept="json",
    )
    assert form.path == "/surveys/48211/3/queue"
    assert form.body == b"phone_number=tel%3A%2B16175550100%3Bani%3D2125550100&metadata%5Bfirst_name%5D=Ann"


@pytest.mark.parametrize(("hour", "is_night"), [(12, True), (13, False), (1, False), (2, True)])
def test_the_warning_follows_the_local_time_of_the_number(hour, is_night):
    """8:00 and 21:00 in Boston are 13:00 and 2:00 UTC."""
    assert bool(local_warning("+16175550100", at(hour))) is is_night


def test_the_country_of_the_number_is_the_campaigns():
    assert number_of("617 555 0100", campaign()) == "+16175550100"
    with pytest.raises(UsageError, match="it is too short"):
        number_of("617 555", campaign())
