"""What a campaign was bound to at its first apply, and whether the settings still name the same."""

from urllib.parse import urlsplit

from runner.contacts.identity import Identity
from runner.insight.address import origin
from runner.ledger.overview import Overview
from runner.settings import Settings

_THIS_MACHINE = origin("http://127.0.0.1")


def account_digest(settings: Settings, identity: Identity) -> str:
    """The keyed hash that stands for the account in the ledger."""
    return identity.digest(f"account:{settings.insight_username}")


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
