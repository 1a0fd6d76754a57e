"""Templates over a row: `{{ row.first_name | title }}`, compiled once and filled in for each row."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

import jinja2
from jinja2 import nodes

from runner.campaign import filters
from runner.campaign.conditions import no_braces, read_condition
from runner.campaign.filters import MAX_TEXT, RefusedError
from runner.campaign.template_language import ENVIRONMENT, NAMES, Names
from runner.campaign.template_syntax import (
    TOO_DEEP,
    TemplateSyntaxError,
    check_literals,
    check_text,
    read_template,
)

MAX_SOURCE = 10_000
"""Characters of a template."""

_MOST_KNOWN = 256
_LONGEST_KNOWN = 100
"""Results that one template remembers, and characters of the values that they are remembered by."""

_UNFITTING = (TypeError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What Python raises where values do not fit an expression."""

_Render = Callable[[Mapping[str, object], Mapping[str, object]], str]


class TemplateRenderError(Exception):
    """The template cannot be filled in for this row. `message` holds nothing of the row's content."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `is_constant` when it holds neither `{{` nor `{%`: it is then text as written."""

    source: str
    render: _Render
    """The text for a row and the campaign's `vars`. Raises TemplateRenderError."""
    is_constant: bool = False
    constants_used: frozenset[str] = frozenset()
    """Names under `vars` without which it cannot be rendered."""
    columns_used: frozenset[str] = frozenset()
    """Names of `row` that it mentions, also where `default` or a branch makes do without them."""
    reads_row: bool = False
    """Whether it mentions `row`; what does not is the same for every row."""


@lru_cache(maxsize=1024)
def compile_template(source: str) -> Template:
    """Compiles text with {{ }} over `row` and `vars`. Raises TemplateSyntaxError."""
    if _has_braces(source):
        return _compiled(source, check_literals)
    check_text(source)
    text = source.removesuffix("\n")
    return Template(source, lambda _row, _constants: text, is_constant=True)


@lru_cache(maxsize=256)
def compile_condition(source: str) -> Template:
    """Compiles a condition: its text is for `runner.campaign.filters.truth`. Raises TemplateSyntaxError."""
    if not _has_braces(source):
        raise no_braces(source)
    return _compiled(source, read_condition)


def _has_braces(source: str) -> bool:
    if len(source) > MAX_SOURCE:
        raise TemplateSyntaxError(f"the template is longer than {MAX_SOURCE:,} characters", 1)
    return "{{" in source or "{%" in source


def _compiled(source: str, adapt: Callable[[nodes.Template], None]) -> Template:
    """`adapt` checks or changes the tree for its purpose."""
    # Python warns about nonsense such as `5[1:]`, which fails with our own words when it is rendered.
    with warnings.catch_warnings(action="ignore"):
        tree = read_template(source)
        adapt(tree)
        columns, names = _attributes(tree, "row"), [name.name for name in tree.find_all(nodes.Name)]
        constants, parts = _constants_used(tree), _plain_parts(tree)
        tree.set_environment(ENVIRONMENT)
        try:
            render = _by_jinja(ENVIRONMENT.from_string(tree))
        except (RefusedError, jinja2.UndefinedError) as error:
            # Jinja computes an expression without any row in it while compiling.
            raise TemplateSyntaxError(str(error), 1) from None
        except (RecursionError, SyntaxError):
            raise TemplateSyntaxError(TOO_DEEP, 1) from None
    is_sole = len(set(columns)) == 1 and [name for name in names if name in NAMES] == ["row"] * len(columns)
    match parts:
        case (_Column(name=column, filters=()),):
            render = _of_column(column, render)
        case (*_,):
            render = _of_parts(parts, render)
        case None if is_sole:
            render = _remembering(columns[0], render)
    return Template(
        source,
        render,
        constants_used=constants,
        columns_used=frozenset(columns),
        reads_row="row" in names,
    )


# --- what a template reads -------------------------------------------------------------------------------


def _attributes(tree: nodes.Template, name: str) -> list[str]:
    """The names `x` of every `row.x` or `vars.x`, however it is used."""
    return [node.attr for node in tree.find_all(nodes.Getattr) if _is_of(node, name)]


def _is_of(node: nodes.Getattr, name: str) -> bool:
    return isinstance(node.node, nodes.Name) and node.node.name == name


def _constants_used(tree: nodes.Template) -> frozenset[str]:
    """The names `x` of every `vars.x` that is read as it is, without `default` or `is defined`."""
    guarded = {
        id(node.node)
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in {"default", "defined", "undefined"}
    }
    reads = tree.find_all(nodes.Getattr)
    return frozenset(node.attr for node in reads if _is_of(node, "vars") and id(node) not in guarded)


@dataclass(frozen=True, slots=True)
class _Column:
    """`{{ row.x | title }}`: one column, and filters without arguments."""

    name: str
    filters: tuple[Callable[[object], object], ...]


def _plain_parts(tree: nodes.Template) -> tuple[str | _Column, ...] | None:
    """Its parts, where it is all text, columns, and filters without arguments."""
    parts: list[str | _Column] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _plain_column(node)
            if part is None:
                return None
            parts.append(part)
    return tuple(parts)


def _plain_column(node: nodes.Expr) -> _Column | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="row"), attr=column):
            return _Column(str(column), ())
        case nodes.Filter(node=nodes.Expr() as inner, name=name, args=[], kwargs=[]):
            found, function = _plain_column(inner), filters.FILTERS.get(name)
            if found is not None and function is not None:
                return _Column(found.name, (*found.filters, function))
    return None


# --- how it is rendered: by Jinja, or in half its time where that gives the same ----------------------------
# There may be a million rows. Jinja has the words for what is missing or does not fit.


def _by_jinja(compiled: jinja2.Template) -> _Render:
    def render(row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        try:
            return _assemble(compiled, row, constants)
        except RefusedError as error:
            message, traceback = str(error), error.__traceback__
        except jinja2.UndefinedError as error:
            message, traceback = str(error.message), error.__traceback__
        except _UNFITTING as error:
            # Python's own words may quote the value, so they are left out.
            message = (
                "the values do not fit this expression (text and numbers do not mix: `| int` makes a number)"
            )
            traceback = error.__traceback__
        raise TemplateRenderError(message, _line(traceback, compiled))

    return render


def _assemble(compiled: jinja2.Template, row: Mapping[str, object], constants: Mapping[str, object]) -> str:
    parts: list[str] = []
    size = 0
    for part in compiled.root_render_func(Names(row, constants)):  # type: ignore[arg-type] # see Names
        size += len(part)
        if size > MAX_TEXT:
            raise RefusedError(f"the result is longer than {MAX_TEXT:,} characters")
        parts.append(part)
    return "".join(parts)


def _line(traceback: TracebackType | None, compiled: jinja2.Template) -> int:
    code = compiled.root_render_func.__code__
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return compiled.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return 1


def _of_column(name: str, by_jinja: _Render) -> _Render:
    """For `{{ row.x }}` and nothing else."""

    def render(row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        value = row.get(name)
        return value if type(value) is str and len(value) <= MAX_TEXT else by_jinja(row, constants)

    return render


def _of_parts(parts: tuple[str | _Column, ...], by_jinja: _Render) -> _Render:
    def render(row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        texts: list[str] = []
        try:
            for part in parts:
                if isinstance(part, str):
                    texts.append(part)
                    continue
                value = row[part.name]
                if type(value) is not str or len(value) > MAX_TEXT:
                    return by_jinja(row, constants)
                for function in part.filters:
                    value = function(value)
                texts.append(value if type(value) is str else filters.plain_text(value))
        except (RefusedError, *_UNFITTING):
            return by_jinja(row, constants)
        text = "".join(texts)
        return text if len(text) <= MAX_TEXT else by_jinja(row, constants)

    return render


def _remembering(column: str, by_jinja: _Render) -> _Render:
    """For a template in which everything follows from one column. Usually that has few different texts, such
    as languages, in a million rows.
    """
    known: dict[str, str] = {}

    def render(row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        value = row.get(column)
        if type(value) is not str or len(value) > _LONGEST_KNOWN:
            return by_jinja(row, constants)
        found = known.get(value)
        if found is None:
            found = by_jinja(row, constants)
            if len(known) < _MOST_KNOWN:
                known[value] = found
        return found

    return render
