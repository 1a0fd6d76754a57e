"""The smallest campaign file, and what the loader says of a file."""

import pytest

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import parse_campaign

CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: contacts.csv}]
  phone: "{{ row.phone }}"
calling_windows:
  weekly: {daily: "10:15-18:00"}
"""


def errors(text):
    with pytest.raises(CampaignInvalidError) as raised:
        parse_campaign(text, "a.yaml")
    return raised.value.diagnostics


def error(text):
    (only,) = errors(text)
    return only
