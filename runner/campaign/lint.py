"""Warnings about valid campaigns that are probably not what was meant. Pure."""

import re
from collections.abc import Iterator

from runner.campaign import window_lint
from runner.campaign.diagnostics import Diagnostic, did_you_mean
from runner.campaign.document import Document, Location, Scalar, scalars
from runner.campaign.model import Campaign
from runner.campaign.source_models import InlineRows, Source, SourceFields, SuppressionFields
from runner.campaign.templates import Template, compile_condition, compile_template
from runner.campaign.warning_codes import WarningCode

LONGEST_SAFE_QUEUE_AHEAD = 15 * 60
"""Seconds. A single call cannot be withdrawn from Insight, so people who opt out after their request was sent
are still called. 15 minutes are enough to catch up after a lost connection or a restart, even at 5 requests a
second (4,500 of them); more time only adds people who are called after they opted out.
"""

WHERE = ("contacts", "where")
_KEY_OF_CONTACTS = len(WHERE)
_FIELDS_OF_EVERY_TYPE = SourceFields.model_fields.keys() | SuppressionFields.model_fields.keys()

_IN_THE_CLEAR = re.compile(r"http://(?!(localhost|127\.0\.0\.1|\[::1\])([:/?#]|$))", re.IGNORECASE)
"""An address without TLS, except on this machine, where a rehearsal may listen."""


def templates(document: Document) -> Iterator[tuple[Location, Template]]:
    """Every text that is filled in for each row, with its place, in file order."""
    for location, scalar in scalars(document.root):
        if _is_template(location, scalar):
            compiled = compile_condition if location == WHERE else compile_template
            yield location, compiled(scalar.written)


def of(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Every warning about a valid campaign."""
    yield from window_lint.of(document, campaign)
    yield from _same_for_every_row(document, campaign)
    yield from _unknown_constants(document, campaign)
    yield from _no_caller_id(document, campaign)
    yield from _long_queue_ahead(document, campaign)
    yield from _insecure_result_url(document, campaign)


def _same_for_every_row(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """A phone or key without {{ }} is fine for a single inline row only."""
    contacts = campaign.contacts
    for field in ("phone", "key"):
        inheriting = [source for source in contacts.sources if getattr(source, field) is None]
        declared: list[tuple[Location, str | None, list[Source]]] = [
            (("contacts", field), getattr(contacts, field), inheriting),
            *(
                (("contacts", "sources", position, field), getattr(source, field), [source])
                for position, source in enumerate(contacts.sources)
            ),
        ]
        for location, template, sources in declared:
            if template is not None and compile_template(template).is_constant and not _one_row(sources):
                yield document.warning(
                    WarningCode.CONSTANT_PHONE if field == "phone" else WarningCode.CONSTANT_KEY,
                    f"every row has the same {field}, so only the first row is called",
                    location,
                    f'a column is written "{{{{ row.{field} }}}}"',
                )


def _one_row(sources: list[Source]) -> bool:
    return not sources or (
        len(sources) == 1 and isinstance(sources[0], InlineRows) and len(sources[0].rows) == 1
    )


def _unknown_constants(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    for location, template in templates(document):
        for name in sorted(template.constants_used - campaign.vars.keys()):
            yield document.warning(
                WarningCode.UNKNOWN_CONSTANT,
                f"`{name}` is not defined under `vars`, so this fails for every row",
                location,
                did_you_mean(name, campaign.vars) or f"add it: vars: {{{name}: …}}",
            )


def _no_caller_id(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Insight's documentation: since 2019 carriers block calls that show no number."""
    if not (campaign.caller_id or "").strip():
        yield document.warning(
            WarningCode.NO_CALLER_ID,
            "there is no caller_id: people cannot see who calls, and carriers may block such calls",
            ("name",) if campaign.caller_id is None else ("caller_id",),
            'add a number of your Insight account: caller_id: "+16175550100"',
        )


def _long_queue_ahead(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    if campaign.pacing.queue_ahead > LONGEST_SAFE_QUEUE_AHEAD:
        yield document.warning(
            WarningCode.LONG_QUEUE_AHEAD,
            "a call that waits at Insight cannot be withdrawn: people who opt out after their request was "
            "sent are still called",
            ("pacing", "queue_ahead"),
            f"{LONGEST_SAFE_QUEUE_AHEAD // 60}m is enough to catch up after a short failure",
        )


def _insecure_result_url(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    if _IN_THE_CLEAR.match((campaign.result_url or "").strip()):
        yield document.warning(
            WarningCode.INSECURE_RESULT_URL,
            "results would be sent unencrypted, so others could read or forge them",
            ("result_url",),
            "write https://",
        )


def _is_template(location: Location, scalar: Scalar) -> bool:
    """Whether the text is rendered for each row: not a description, a path, a constant or a row's content."""
    if location[0] == "contacts":
        # What a source says about its type, such as `path` or `rows`, is never filled in.
        is_of_type = len(location) > _KEY_OF_CONTACTS and location[3] not in _FIELDS_OF_EVERY_TYPE
        return isinstance(scalar.value, str) and not is_of_type
    return location[0] in {"caller_id", "post_dial", "metadata", "result_url"}
