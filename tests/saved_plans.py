"""Saved plans of the small campaign."""

from runner.contacts.identity import Identity
from runner.planning.plan_view import plan_view
from runner.planning.saved_plan import SavedPlan, pin_plan


def saved(loaded, plan, *, history=(), files=None, ledger_knew=False, limit=None, key=b"privacy"):
    """The plan as `runner plan -o` saves it."""
    identity = Identity(key)
    return SavedPlan(
        view=plan_view(plan, loaded.campaign, identity, show_contacts=False),
        pins=pin_plan(
            plan,
            loaded.campaign,
            identity,
            history,
            campaign_file="campaign.yaml",
            files={"visits.csv": "a-digest"} if files is None else files,
            ledger_knew=ledger_knew,
            limit=limit,
        ),
    )
