"""A new type of source is its model, an implementation of RowSource, and a line in `reader.TYPES`."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from runner.campaign import loader
from runner.campaign.loader import parse_campaign
from runner.campaign.model import Campaign, Contacts
from runner.campaign.source_models import InlineSource, SourceFields, SuppressionFields
from runner.campaign.values import Declared
from runner.contacts.contact import Row
from runner.contacts.sources import reader
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.source import Notice, Version
from runner.errors import SourceError
from runner.ledger.ledger import Ledger
from runner.services.planning import prepare_plan
from runner.services.saved_plans import made_now
from runner.settings import load_settings

NOW = 1_796_122_800.0
"""2026-12-01 11:00 UTC."""
CAMPAIGN = """\
version: 1
name: follow-up
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - {type: inline, rows: [{id: "9", phone: "+16175550109"}]}
    - {type: directory, group: "members {%"}
  suppress: [{type: directory, group: left, phone: "{{ row.number }}"}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows: {weekly: {daily: "09:00-17:00"}}
caller_id: "+16175550100"
"""


class Directory(Declared):
    type: Literal["directory"]
    group: str
    """Not a template, though it looks like one."""


class DirectorySource(SourceFields, Directory):
    """Members of a group."""


class DirectorySuppression(SuppressionFields, Directory):
    """Members of a group who are never called."""


class ContactsWithDirectory(Contacts):
    sources: list[Annotated[InlineSource | DirectorySource, Field(discriminator="type")]]
    suppress: list[DirectorySuppression]


class CampaignWithDirectory(Campaign):
    contacts: ContactsWithDirectory


class DirectoryRows:
    """Reads a directory that is in the memory of this test."""

    has_header = False
    members: ClassVar = {}
    revision = 1

    def __init__(self, declared, _context):
        self.name = f"directory/{declared.group}"
        self.notices = []
        self.read_at = None

    def rows(self):
        self.notices.append(Notice("duplicate_column", f"{self.name} has two columns", "remove one"))
        for number, member in enumerate(self._members(), start=1):
            yield Row(self.name, number, member)

    def size_hint(self):
        return len(self._members())

    def version(self):
        self._members()
        return Version((self.revision,), NOW)

    def digest(self):
        return f"revision {self.revision}"

    def _members(self):
        name = self.name.removeprefix("directory/")
        if name not in self.members:
            raise SourceError(f"{self.name}: there is no such group")
        return self.members[name]


@pytest.fixture(autouse=True)
def directory(monkeypatch):
    monkeypatch.setitem(reader.TYPES, "directory", DirectoryRows)
    members = {
        "members {%": [{"id": str(number), "phone": f"+1617555010{number}"} for number in range(1, 5)],
        "left": [{"number": "617 555 0102"}],
    }
    monkeypatch.setattr(DirectoryRows, "members", members)
    monkeypatch.setattr(DirectoryRows, "revision", 1)
    return members


@pytest.fixture
def loaded(monkeypatch):
    monkeypatch.setattr(loader, "CAMPAIGN", replace(loader.CAMPAIGN, model=CampaignWithDirectory))
    return parse_campaign(CAMPAIGN, "campaign.yaml")


@pytest.fixture
def prepare(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:
        yield lambda: prepare_plan(loaded, load_settings(), ledger, now=NOW, limit=None)


@pytest.fixture
def prepared(prepare):
    return prepare()


def test_its_rows_are_planned_and_name_their_origin(prepared):
    assert [(call.source, call.line, call.key) for call in prepared.plan.calls] == [
        ("inline", 1, "9"),
        ("directory/members {%", 1, "1"),
        ("directory/members {%", 3, "3"),
        ("directory/members {%", 4, "4"),
    ]


def test_its_lists_exclude_contacts(prepared):
    (excluded,) = prepared.plan.exclusions
    assert (excluded.key, excluded.reason, excluded.detail) == ("2", "suppressed", "on directory/left:1")


def test_a_list_is_read_again_only_when_its_version_changed(prepared, directory):
    directory["left"].append({"number": "617 555 0104"})
    assert not prepared.suppressed.refresh()
    DirectoryRows.revision = 2
    assert prepared.suppressed.refresh()
    assert prepared.suppressed.match("4", "+16175550104") == "on directory/left:2"


def test_a_list_that_can_no_longer_be_read_is_an_error(prepared, directory):
    del directory["left"]
    with pytest.raises(SourceError, match="no such group"):
        prepared.suppressed.refresh()


def test_its_notices_become_warnings(prepared):
    shown = [found.message for found in prepared.plan.diagnostics if found.code == "duplicate_column"]
    assert shown == ["directory/members {% has two columns", "directory/left has two columns"]


def test_a_saved_plan_notices_that_its_content_changed(prepared, prepare):
    inline, members, left = made_now(prepared).view.sources
    assert (inline.digest, members.name, members.type, members.rows, left.rows) == (
        "",
        "directory/members {%",
        "directory",
        4,
        1,
    )
    DirectoryRows.revision = 2
    assert made_now(prepare()).view.sources[1].digest != members.digest


def test_its_size_is_known_for_progress(loaded):
    sources = reader.SourceReader(SourceFolder(Path("campaign.yaml")))
    assert sources.size_hints(loaded.campaign.contacts.sources) == [1, 4]
