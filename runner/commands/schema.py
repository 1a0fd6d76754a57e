"""`runner schema`: the JSON Schema of the campaign file, or what one key of it means."""

import sys

from runner.campaign.reference import keys_at, schema_text
from runner.errors import ExitStatus
from runner.reports.reference import reference_text


def schema(key: str | None) -> int:
    """Prints the schema, or the key and those below it. Raises UsageError for an unknown key."""
    sys.stdout.write(schema_text() if key is None else reference_text(keys_at(key)))
    return ExitStatus.DONE
