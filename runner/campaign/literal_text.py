"""Finds text that was meant as a template but is not one: it would be sent to everybody as written."""

import re

from jinja2 import nodes

from runner.campaign.template_syntax import TemplateSyntaxError

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
                _check_piece(node)
                around += node.data
            else:
                _check_no_quoted_column(node)
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


def _check_piece(data: nodes.TemplateData) -> None:
    if not _CURLY_QUOTED.fullmatch(data.data):
        check_text(data.data, data.lineno)


def _check_no_quoted_column(expression: nodes.Expr) -> None:
    if isinstance(expression, nodes.Const) and _QUOTED_COLUMN.fullmatch(str(expression.value)):
        raise TemplateSyntaxError(
            f"'{expression.value}' in quotes is text: every row would get this text as written",
            expression.lineno,
            f'without the quotes it is a column: "{{{{ {expression.value} }}}}"',
        )
