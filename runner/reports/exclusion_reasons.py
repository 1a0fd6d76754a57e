"""What each reason for which there is no call means, for plans and for the reference."""

from collections.abc import Mapping

from runner.calls import Reason

REASONS: Mapping[Reason, str] = {
    Reason.INVALID_PHONE: "the number cannot be called",
    Reason.COUNTRY: "of a country that is not called",
    Reason.PREMIUM_RATE: "a number with a special tariff",
    Reason.DUPLICATE_KEY: "an earlier row is the same contact",
    Reason.DUPLICATE_PHONE: "an earlier row has the same number",
    Reason.SUPPRESSED: "on a suppression list",
    Reason.FILTERED: "excluded by the campaign's `where`",
    Reason.UNKNOWN_TIMEZONE: "the time zone is unknown",
    Reason.NO_WINDOW: "never inside a calling window",
    Reason.TEMPLATE_ERROR: "a template cannot be filled in",
    Reason.ALREADY_QUEUED: "queued before",
    Reason.REFUSED: "Insight refused the request, and nothing of it changed",
    Reason.CONTACT_LIMIT: "a limit on calls to the number leaves no time for this one",
    Reason.CALL_LIMIT: "beyond --limit: a later apply may call them",
}
