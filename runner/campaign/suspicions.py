"""What a campaign may declare, but hardly anybody means: warnings. Pure."""

from collections.abc import Iterator

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.campaign.did_you_mean import did_you_mean
from runner.campaign.document import Document, Location, Scalar, in_rows, scalars
from runner.campaign.model import Campaign, InlineSource, Source
from runner.campaign.templates import compile_template


def of(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Every warning about a valid campaign."""
    yield from _same_for_every_row(document, campaign)
    yield from _unknown_constants(document, campaign)


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
                yield document.diagnostic(
                    Severity.WARNING,
                    f"constant_{field}",
                    f"every row has the same {field}, so only the first is called",
                    location,
                    f'a column is written "{{{{ row.{field} }}}}"',
                )


def _one_row(sources: list[Source]) -> bool:
    return not sources or (
        len(sources) == 1 and isinstance(sources[0], InlineSource) and len(sources[0].rows) == 1
    )


def _unknown_constants(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    for location, scalar in scalars(document.root):
        if not _is_template(location, scalar):
            continue
        for name in sorted(compile_template(scalar.written).constants_used - campaign.vars.keys()):
            yield document.diagnostic(
                Severity.WARNING,
                "unknown_constant",
                f"there is no `{name}` under `vars`, so this fails for every row",
                location,
                did_you_mean(name, campaign.vars) or f"add it: vars: {{{name}: …}}",
            )


def _is_template(location: Location, scalar: Scalar) -> bool:
    """Whether the text is rendered for each row: not a description, a path, a constant or a row's content."""
    if location[0] == "contacts":
        return (
            isinstance(scalar.value, str) and not in_rows(location) and location[-1] not in {"type", "path"}
        )
    return location[0] in {"caller_id", "post_dial", "metadata", "result_url"}
