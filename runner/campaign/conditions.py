"""What may be written as a condition, such as `contacts.where`.

A wrong condition calls people who said no. So every form that would be the same for all rows is an error, and
a column next to `and`, `or`, `not` or `if` counts as `runner.campaign.filters.truth` says, not as Jinja does.
"""

from collections.abc import Sequence
from typing import cast

from jinja2 import nodes

from runner.campaign.template_language import NAMES, TRUTH
from runner.campaign.template_syntax import TemplateSyntaxError

_FORM = "write the whole condition inside one {{ }}: \"{{ row.consent == 'Y' }}\""


def no_braces(source: str) -> TemplateSyntaxError:
    """What is wrong with a condition that is text alone."""
    written = source.strip()
    hint = f'write "{{{{ {written} }}}}"' if written.startswith(("row", "not row", "vars")) else _FORM
    return TemplateSyntaxError("a condition needs {{ }}: without them, it is the same for every row", 1, hint)


def read_condition(tree: nodes.Template) -> None:
    """Checks the tree of a template and makes a condition of it. Raises TemplateSyntaxError."""
    if _printed(tree.body) != 1:
        raise TemplateSyntaxError("a condition must have exactly one {{ }}", 1, _FORM)
    if not any(name.name in NAMES for name in tree.find_all(nodes.Name)):
        raise TemplateSyntaxError(
            "this condition reads no column, so it is the same for every row",
            1,
            "a column is written row.consent, without quotes around it; to call every row, leave `where` out",
        )
    for compare in tree.find_all(nodes.Compare):
        _check_parts_of_text(compare)
    for branch in tree.find_all(nodes.If):
        branch.test = _decided(cast("nodes.Expr", branch.test))
    for choice in tree.find_all(nodes.CondExpr):
        choice.test = _decided(choice.test)
    # An `or` usually gives the first value that is given, such as a number. It decides only where a whole
    # test or the result is one.
    for both in tree.find_all(nodes.And):
        both.left, both.right = _decided(both.left), _decided(both.right)
    for negation in tree.find_all(nodes.Not):
        negation.node = _decided(negation.node)
    for output in tree.find_all(nodes.Output):
        output.nodes = [_result(node) for node in output.nodes]


def _printed(statements: Sequence[nodes.Node]) -> int:
    """The most expressions that are printed for one row. Raises TemplateSyntaxError for text around them."""
    number = 0
    for statement in statements:
        if isinstance(statement, nodes.If):
            branches = [statement.body, *(branch.body for branch in statement.elif_), statement.else_]
            number += max(map(_printed, branches))
        elif isinstance(statement, nodes.Output):
            for node in statement.nodes:
                if not isinstance(node, nodes.TemplateData):
                    number += 1
                elif node.data.strip():
                    raise TemplateSyntaxError(
                        "a condition cannot have text outside of {{ }}", node.lineno, _FORM
                    )
    return number


def _check_parts_of_text(compare: nodes.Compare) -> None:
    """`row.a in 'Yes'` holds for an empty cell too, and for `e`."""
    for operand in compare.ops:
        if operand.op in {"in", "notin"} and isinstance(operand.expr, nodes.Const):
            raise TemplateSyntaxError(
                "`in` with text looks for a substring, and an empty value is a substring of every text",
                compare.lineno,
                f"write a list: `in [{operand.expr.value!r}]`",
            )


def _result(expression: nodes.Expr) -> nodes.Expr:
    """An expression whose text is the condition's result."""
    match expression:
        case nodes.CondExpr():
            expression.expr1 = _result(expression.expr1)
            expression.expr2 = None if expression.expr2 is None else _result(expression.expr2)
        case nodes.And() | nodes.Or() | nodes.Not():
            return _decided(expression)
    return expression


def _decided(expression: nodes.Expr) -> nodes.Expr:
    """An expression that decides on yes or no; one that does already stays."""
    match expression:
        case nodes.And() | nodes.Or():
            expression.left, expression.right = _decided(expression.left), _decided(expression.right)
        case nodes.Not():
            expression.node = _decided(expression.node)
        case nodes.Const(value=value):
            raise TemplateSyntaxError(
                f"{value!r} is not compared with anything, so it is the same for every row",
                expression.lineno,
                f"compare each value: `row.x == 'a' or row.x == {value!r}`, or `row.x in ['a', {value!r}]`",
            )
        case nodes.Compare() | nodes.Test() | nodes.Filter(name="?"):
            pass
        case _:
            return nodes.Filter(expression, TRUTH, [], [], None, None, lineno=expression.lineno)
    return expression
