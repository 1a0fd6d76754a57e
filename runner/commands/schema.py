"""`runner schema`: the JSON Schema of the campaign file, or what one key of it means."""

import sys

from runner.campaign.policy import Policy
from runner.campaign.reference import as_text, keys_at, schema_of, schema_text
from runner.errors import ExitStatus, UsageError
from runner.reports.reference import reference_text


def schema(key: str | None, *, policy: bool) -> int:
    """Prints the schema, that of a policy file, or the key and those below it.

    Raises UsageError for an unknown key.
    """
    if policy and key is not None:
        raise UsageError("--policy prints the whole schema of a policy file", hint=f"leave out {key}")
    if policy:
        sys.stdout.write(as_text(schema_of(Policy, "A policy of runner")))
        return ExitStatus.DONE
    sys.stdout.write(schema_text() if key is None else reference_text(keys_at(key)))
    return ExitStatus.DONE
