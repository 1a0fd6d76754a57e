"""What a template reads of a row and of the campaign's constants, seen from how it is written."""

from jinja2 import nodes

from runner.campaign import filters
from runner.campaign.plain_template import Column, Part
from runner.campaign.template_language import NAMES


def constants_used(tree: nodes.Template) -> frozenset[str]:
    """The names `x` of every `vars.x` that is read as it is, without `default` or `is defined`."""
    guarded = {
        id(node.node)
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in {"default", "defined", "undefined"}
    }
    return frozenset(
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "vars" and id(node) not in guarded
    )


def columns_used(tree: nodes.Template) -> frozenset[str]:
    """The names `x` of every `row.x`, however it is used."""
    return frozenset(
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "row"
    )


def reads_row(tree: nodes.Template) -> bool:
    return any(node.name == "row" for node in tree.find_all(nodes.Name))


def sole_column(tree: nodes.Template) -> str | None:
    """The name `x` where `row.x`, once or several times, is all that the template reads."""
    names = [node.name for node in tree.find_all(nodes.Name) if node.name in NAMES]
    reads = [
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "row"
    ]
    return reads[0] if len(set(reads)) == 1 and names == ["row"] * len(reads) else None


def plain_parts(tree: nodes.Template) -> tuple[Part, ...] | None:
    """Its parts, where it is all text, columns, and filters without arguments."""
    parts: list[Part] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _plain_column(node)
            if part is None:
                return None
            parts.append(part)
    return tuple(parts)


def _plain_column(node: nodes.Expr) -> Column | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="row"), attr=column):
            return Column(str(column), ())
        case nodes.Filter(node=nodes.Expr() as inner, name=name, args=[], kwargs=[]):
            found, function = _plain_column(inner), filters.FILTERS.get(name)
            if found is not None and function is not None:
                return Column(found.name, (*found.filters, function))
    return None
