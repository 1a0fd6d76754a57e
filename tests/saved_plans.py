"""Saved plans of the small campaign."""

from runner.contacts.identity import Identity
from runner.contacts.sources.source import Reading
from runner.planning.inputs import inputs_of
from runner.planning.plan_view import plan_view
from runner.planning.saved_plan import SavedPlan


def readings(files):
    """What files with these digests gave."""
    return [
        Reading(f"sources[{position}]", name, "csv", 1, digest, None)
        for position, (name, digest) in enumerate(files.items())
    ]


def saved(loaded, plan, *, files=None, ledger_knew=False, limit=None, key=b"privacy"):
    """The plan as `runner plan -o` saves it."""
    identity = Identity(key)
    return SavedPlan(
        view=plan_view(
            plan,
            loaded.campaign,
            identity,
            show_contacts=False,
            readings=readings(files or {"visits.csv": "a-digest"}),
        ),
        inputs=inputs_of(
            plan,
            loaded.campaign,
            identity,
            campaign_file="campaign.yaml",
            files={},
            readings=(),
            ledger_knew=ledger_knew,
            limit=limit,
            variables={},
        ),
    )
