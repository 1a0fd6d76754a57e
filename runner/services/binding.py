"""Which account, API and survey a campaign is bound to at its first apply, and whether the settings match."""

from urllib.parse import urlsplit

from runner.campaign.loader import LoadedCampaign
from runner.contacts.identity import Identity
from runner.insight.address import origin
from runner.ledger.overview import Overview
from runner.ledger.plan_entry import Binding
from runner.planning.inputs import campaign_fingerprint
from runner.services.repository import repository_of
from runner.settings import Settings

_THIS_MACHINE = origin("http://127.0.0.1")


def account_digest(settings: Settings, identity: Identity) -> str:
    """The keyed hash that stands for the account in the ledger."""
    return identity.digest(f"account:{settings.insight_username}")


def binding_of(loaded: LoadedCampaign, settings: Settings, identity: Identity) -> Binding:
    """What the ledger binds the campaign to at its first apply."""
    survey = loaded.campaign.survey
    return Binding(
        campaign=loaded.campaign.name,
        survey_id=survey.survey_id,
        instance_id=survey.instance_id,
        account=account_digest(settings, identity),
        origin=origin(settings.insight_base_url),
        inputs=campaign_fingerprint(loaded.campaign, identity),
        repository=repository_of(loaded.path, identity),
    )


def api_name(settings: Settings) -> str:
    """What people call the API at this address: `Insight`, or host and port of a stand-in on this machine."""
    base_url = settings.insight_base_url
    return urlsplit(base_url).netloc if origin(base_url) == _THIS_MACHINE else "Insight"


def bound_elsewhere(seen: Overview, settings: Settings, identity: Identity) -> str:
    """Why `apply` would refuse the campaign with these settings; empty when it would not.

    Without a user name nothing is said of the account: `plan` and `status` need none.
    """
    if not seen.origin:
        return ""
    here = origin(settings.insight_base_url)
    if seen.origin != here:
        return (
            f"this ledger holds {seen.campaign} as applied at {_place(seen.origin)}, "
            f"and the settings name {_place(here)}: apply will refuse it"
        )
    if settings.insight_username and seen.account != account_digest(settings, identity):
        return (
            f"this ledger holds {seen.campaign} as applied with another Insight account than the settings "
            "name: apply will refuse it"
        )
    return ""


BOUND_ELSEWHERE_HINT = (
    "set RUNNER_INSIGHT_BASE_URL and RUNNER_INSIGHT_USERNAME back, name another ledger with "
    "RUNNER_LEDGER_URL, or give the campaign a new name"
)


def _place(where: str) -> str:
    return "a stand-in on this machine" if where == _THIS_MACHINE else where
