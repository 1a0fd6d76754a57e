"""What may be written in a template: an allow-list of syntax, filters and tests.

Rows and campaign files are untrusted. Jinja's sandbox would let a template loop forever. Text that was meant
as a template but is not one is an error too: it would be sent to everybody as written.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from runner.campaign.diagnostics import did_you_mean
from runner.campaign.filters import MAX_INTEGER
from runner.campaign.template_language import CONCATENATE, ENVIRONMENT, NAMES
from runner.characters import column_name

_MAX_DEPTH = 40
"""Expressions inside expressions. Deeper ones would exhaust the stack of the compiler."""

TOO_DEEP = "the template is nested too deeply"


class TemplateSyntaxError(Exception):
    """The template cannot be compiled. `line` counts from 1 within the template."""

    def __init__(self, message: str, line: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


def read_template(source: str) -> nodes.Template:
    """What is written, where all of it may be. Raises TemplateSyntaxError."""
    tree = _parse(source)
    _check(tree)
    _Rewrite().visit(tree)
    return tree


_ALLOWED = frozenset({
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow,
    nodes.Concat, nodes.CondExpr, nodes.If, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword,
})  # fmt: skip


_COMMON_MISTAKES = (
    ("[“”„‟«»\u2018\u2019\u201a]", "write straight quotes: ' or \""),
    (r"\{\{[^{}]*\}(?!\})|\{\{[^{}]*$", 'a value ends with two braces: "{{ row.x }}"'),
    (r"\{\{\{", 'a value has two braces on either side: "{{ row.x }}"'),
    (r"\{%-?\s*(row|vars)\b", 'a value goes between {{ and }}: "{{ row.x }}"'),
    ("&&", "write `and`"),
    (r"\|\|", "write `or`"),
    ("<>", "write `!=`"),
    ("===", "write `==`"),
    (r"(?<![=!<>])=(?!=)", "to compare, write `==`"),
    (r"!(?!=)", "write `not`"),
    (r"\b(AND|OR|NOT|IF|ELSE)\b", "write `and`, `or`, `not`, `if` and `else` in lower case"),
    (r"\?", "write \"{{ 'a' if row.x == 'y' else 'b' }}\""),
    (r"\{%-?\s*end\s*if|\{%-?\s*else\s+if", "write {% elif … %} and {% endif %}"),
    (r"\{%-?\s*if\b(?!.*endif)", "a {% if … %} ends with {% endif %}"),
    (
        r"\b(row|vars)\.\w+[^\w.|)\]},=<>!]",
        "a column whose name is not of letters, digits and _ alone is written row['Phone Number']",
    ),
)
"""Common mistakes that Jinja cannot parse, and their fixes; the first match is the hint."""


def _parse(source: str) -> nodes.Template:
    try:
        return ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        hints = (hint for mistake, hint in _COMMON_MISTAKES if re.search(mistake, source, re.DOTALL))
        message = f"the template cannot be read: {error.message or 'invalid template'}"
        raise TemplateSyntaxError(message, error.lineno, next(hints, "")) from None
    except RecursionError:
        raise TemplateSyntaxError(TOO_DEEP, 1) from None
    except (ValueError, OverflowError):
        raise TemplateSyntaxError("a number in the template is too large", 1) from None


def _check(tree: nodes.Template) -> None:
    """Refuses everything that is not on the allow-lists. Without recursion: the depth is not known yet."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise TemplateSyntaxError(TOO_DEEP, node.lineno)
        if type(node) not in _ALLOWED:
            raise _not_allowed(node)
        match node:
            case nodes.Sub() if column := _with_hyphens(node):
                raise TemplateSyntaxError(
                    "a hyphen in a name is read as a minus", node.lineno, f"write `row['{column}']`"
                )
            case nodes.Name():
                _check_name(node)
            case nodes.Const():
                _check_number(node)
            case nodes.Filter():
                _check_use(node, "filter", ENVIRONMENT.filters)
            case nodes.Test():
                _check_use(node, "test", ENVIRONMENT.tests)
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_name(node: nodes.Name) -> None:
    if node.name not in NAMES:
        raise TemplateSyntaxError(
            f"unknown name `{node.name}` in a template",
            node.lineno,
            "an empty value is written `none`"
            if node.name.lower() in {"null", "nil"}
            else f"a column is `row.{node.name}`, a constant of the campaign `vars.{node.name}`",
        )


def _with_hyphens(node: nodes.Expr) -> str:
    """`first-name` for `row.first-name`; empty for anything else, such as `row.a - row.b`."""
    match node:
        case nodes.Getattr(node=nodes.Name(name="row"), attr=column):
            return str(column)
        case nodes.Sub(left=left, right=right):
            first, last = _with_hyphens(left), _unfiltered(right)
            if first and isinstance(last, nodes.Name) and last.name not in NAMES:
                return f"{first}-{last.name}"
    return ""


def _unfiltered(node: nodes.Expr | None) -> nodes.Expr | None:
    while isinstance(node, nodes.Filter):
        node = node.node
    return node


def _check_number(node: nodes.Const) -> None:
    number = node.value
    if isinstance(number, int | float) and not abs(number) <= MAX_INTEGER:
        raise TemplateSyntaxError("a number in the template is too large", node.lineno)


def _check_use(node: nodes.Filter | nodes.Test, kind: str, known: Mapping[str, Any]) -> None:
    if node.name not in known:
        usable = sorted(name for name in known if name.isidentifier())
        hint = did_you_mean(node.name, usable) or f"available: {', '.join(usable)}"
        raise TemplateSyntaxError(f"unknown {kind} `{node.name}`", node.lineno, hint)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxError("`*` and `**` arguments are not available in templates", node.lineno)
    # Jinja types them as Pair, but the parser makes Keyword.
    keywords = cast("list[nodes.Keyword]", node.kwargs)
    named = {keyword.key: None for keyword in keywords}
    try:
        inspect.signature(known[node.name]).bind(None, *node.args, **named)
    except TypeError:
        raise TemplateSyntaxError(f"`{node.name}` does not take these arguments", node.lineno) from None


def _not_allowed(node: nodes.Node) -> TemplateSyntaxError:
    if isinstance(node, nodes.Call):
        method = node.node.attr if isinstance(node.node, nodes.Getattr) else ""
        hint = "use a filter instead of a call: `{{ row.name | upper }}`"
        if method in ENVIRONMENT.filters:
            hint = f"write it as a filter: `| {method}`"
        return TemplateSyntaxError("calls are not available in templates", node.lineno, hint)
    return TemplateSyntaxError(
        "the only statement in a template is `{% if %}`",
        node.lineno,
        "use expressions, filters and `{% if %}`",
    )


class _Rewrite(NodeTransformer):
    """Replaces what Jinja would do without limits."""

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - named after the node
        """`row['x']` becomes `row.x`, with the name as the readers of sources spell it."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            of_row = isinstance(node.node, nodes.Name) and node.node.name == "row"
            name = column_name(node.arg.value) if of_row else node.arg.value
            return nodes.Getattr(node.node, name, "load", lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - named after the node
        """`a ~ b` becomes a filter: Jinja has no hook by which the operator itself could be bounded."""
        self.generic_visit(node)
        first, *others = node.nodes
        return nodes.Filter(first, CONCATENATE, others, [], None, None, lineno=node.lineno)


# --- text that is not filled in -----------------------------------------------------------------------------

_COLUMN = r"(?:row|vars)(?:\.[^\W\d][\w-]{0,100}|\[[^\]\n]{1,100}\]){1,5}"
_NAME = rf"(?:{_COLUMN}|[^\W\d][\w -]{{0,60}})"
_FILTERS = r"(?:\s{0,5}\|\s{0,5}[a-z_]{1,20}(?:\([^(){}\n]{0,100}\))?){0,10}"
_BRACKETS = (
    (r"[$#]?\{{1,3}", r"\}{1,3}"),
    (r"\[\[", r"\]\]"),
    ("<<", ">>"),
    ("«", "»"),
    ("<%=?", "%>"),
    (r"%\(", r"\)s?"),
    (r"\*\|", r"\|\*"),
)
"""How other programs mark what they fill in: shells, mail merge, Python, Mailchimp; and braces left out."""

_MARKED = re.compile(
    "|".join(
        rf"{left}\s{{0,5}}(?P<name{number}>{_NAME}{_FILTERS})\s{{0,5}}{right}"
        for number, (left, right) in enumerate(_BRACKETS)
    )
)
# Not a part of a host or a path, such as https://row.example.org.
_BARE = re.compile(rf"(?<![\w./@:%-]){_COLUMN}{_FILTERS}")
_QUOTED_COLUMN = re.compile(_COLUMN)
_CURLY_QUOTED = re.compile("\\s*[“”„‟\u2018\u2019\u201a].*[“”‟\u2018\u2019]\\s*", re.DOTALL)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_EXPRESSION = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Replaces expressions where only the text around them is checked."""


def check_text(text: str, line: int = 1) -> None:
    """Raises TemplateSyntaxError, with the right form as its hint, for text that was meant as a template."""
    found = _MARKED.search(text) or _BARE.search(text)
    if found is not None:
        name = next(filter(None, found.groupdict().values()), found[0])
        raise TemplateSyntaxError(
            f"`{found[0].strip()}` is not rendered: every row would get this text as written",
            line + text.count("\n", 0, found.start()),
            f'write "{{{{ {right_form(name)} }}}}"',
        )
    if _CURLY_QUOTED.fullmatch(text):
        raise TemplateSyntaxError(
            "curly quotes are part of the value and would be sent",
            line,
            "use straight quotes (\"); a text with curly quotes is written {{ '“…”' }}",
        )


def check_literals(tree: nodes.Template) -> None:
    """The same for the text around what is filled in."""
    around = ""
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                if not _CURLY_QUOTED.fullmatch(node.data):
                    check_text(node.data, node.lineno)
                around += node.data
                continue
            if isinstance(node, nodes.Const) and _QUOTED_COLUMN.fullmatch(str(node.value)):
                raise TemplateSyntaxError(
                    f"'{node.value}' in quotes is text: every row would get this text as written",
                    node.lineno,
                    f'without the quotes it is a column: "{{{{ {node.value} }}}}"',
                )
            around += _EXPRESSION
    if around.count("{") != around.count("}"):
        raise TemplateSyntaxError(
            "unmatched brace next to {{ }}: it would be sent as text",
            1,
            'a value has two braces on either side: "{{ row.x }}"',
        )
    check_text(around)


def is_meant_as_template(text: str) -> bool:
    """Whether a text that is not rendered looks like a template."""
    return any(mark in text for mark in ("{{", "{%")) or bool(_MARKED.search(text) or _BARE.search(text))


def right_form(name: str) -> str:
    """`row.x` for `x`, `row['First Name']` for a name that is not an identifier."""
    column, bar, filters = (part.strip() for part in name.partition("|"))
    prefix, dot, rest = column.partition(".")
    if prefix not in {"row", "vars"} and "[" not in column:
        prefix, dot, rest = "row", ".", column
    if dot and not all(map(_IDENTIFIER.fullmatch, rest.split("."))):
        right = f"{prefix}['{rest}']"
    else:
        right = f"{prefix}{dot}{rest}"
    return f"{right} | {filters}" if bar else right
