"""Templates over a row: `{{ row.first_name | title }}`, compiled once and filled in for each row."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType

import jinja2
from jinja2 import nodes

from runner.campaign.conditions import no_braces, read_condition
from runner.campaign.filters import MAX_TEXT, RefusedError
from runner.campaign.literal_text import check_literals, check_text
from runner.campaign.plain_template import UNFITTING, Part, fill_in, only_column
from runner.campaign.template_language import ENVIRONMENT, Names
from runner.campaign.template_reads import columns_used, constants_used, plain_parts, reads_row, sole_column
from runner.campaign.template_syntax import TemplateSyntaxError, read_template, too_deep

MAX_SOURCE = 10_000
"""Characters of a template."""

_MOST_KNOWN = 256
_LONGEST_KNOWN = 100
"""Results that one template remembers, and characters of the values that they are remembered by."""


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
    is_constant: bool
    constants_used: frozenset[str]
    """Names under `vars` without which it cannot be rendered."""
    columns_used: frozenset[str]
    """Names of `row` that it mentions, also where `default` or a branch makes do without them."""
    reads_row: bool
    """Whether it mentions `row`; what does not is the same for every row."""
    _compiled: jinja2.Template | None
    _column: str | None = None
    """The one column of which the template is all made: `{{ row.x }}` and nothing else."""
    _plain: tuple[Part, ...] | None = None
    """The parts of a template that is all text, columns, and filters without arguments."""
    _sole_column: str | None = None
    """The one column from which everything in the template follows."""
    _known: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Results for the texts in that column. Usually there are few, such as languages, in a million rows."""

    def render(self, row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        """The text for this row. `constants` is the campaign's `vars`. Raises TemplateRenderError."""
        if self._compiled is None:
            return self.source.removesuffix("\n")
        # What is not plain text is Jinja's, which has the words for what is missing or does not fit.
        if self._column is not None:
            value = row.get(self._column)
            if type(value) is str and len(value) <= MAX_TEXT:
                return value
        elif self._plain is not None:
            text = fill_in(self._plain, row)
            if text is not None:
                return text
        elif self._sole_column is not None:
            value = row.get(self._sole_column)
            if type(value) is str and len(value) <= _LONGEST_KNOWN:
                known = self._known.get(value)
                if known is None:
                    known = self._by_jinja(self._compiled, row, constants)
                    if len(self._known) < _MOST_KNOWN:
                        self._known[value] = known
                return known
        return self._by_jinja(self._compiled, row, constants)

    @staticmethod
    def _by_jinja(
        compiled: jinja2.Template, row: Mapping[str, object], constants: Mapping[str, object]
    ) -> str:
        try:
            return _assemble(compiled, row, constants)
        except RefusedError as error:
            message, line = str(error), _line(error.__traceback__, compiled)
        except jinja2.UndefinedError as error:
            message, line = str(error.message), _line(error.__traceback__, compiled)
        except UNFITTING as error:
            # Python's own words may quote the value, so they are left out.
            message, line = _UNFIT, _line(error.__traceback__, compiled)
        raise TemplateRenderError(message, line)


_UNFIT = "the values do not fit this expression (text and numbers do not mix: `| int` makes a number)"


@lru_cache(maxsize=1024)
def compile_template(source: str) -> Template:
    """Compiles text with {{ }} over `row` and `vars`. Raises TemplateSyntaxError."""
    if _has_braces(source):
        return _compiled(source, check_literals)
    check_text(source)
    return Template(
        source,
        is_constant=True,
        constants_used=frozenset(),
        columns_used=frozenset(),
        reads_row=False,
        _compiled=None,
    )


@lru_cache(maxsize=256)
def compile_condition(source: str) -> Template:
    """Compiles a condition: its text is for `runner.campaign.truth`. Raises TemplateSyntaxError."""
    if not _has_braces(source):
        raise no_braces(source)
    return _compiled(source, read_condition)


def _has_braces(source: str) -> bool:
    if len(source) > MAX_SOURCE:
        raise TemplateSyntaxError(f"the template is longer than {MAX_SOURCE:,} characters", 1)
    return "{{" in source or "{%" in source


def _compiled(source: str, adapt: Callable[[nodes.Template], None]) -> Template:
    """`adapt` checks or changes the tree for its purpose."""
    with warnings.catch_warnings():
        # Python warns about nonsense such as `5[1:]`, which fails with our own words when it is rendered.
        warnings.simplefilter("ignore")
        return _compile(source, adapt)


def _compile(source: str, adapt: Callable[[nodes.Template], None]) -> Template:
    tree = read_template(source)
    adapt(tree)
    constants, columns = constants_used(tree), columns_used(tree)
    plain, alone = plain_parts(tree), sole_column(tree)
    tree.set_environment(ENVIRONMENT)
    try:
        compiled = ENVIRONMENT.from_string(tree)
    except (RefusedError, jinja2.UndefinedError) as error:
        # Jinja computes an expression without any row in it while compiling.
        raise TemplateSyntaxError(str(error), 1) from None
    except (RecursionError, SyntaxError):
        raise too_deep(1) from None
    return Template(
        source,
        is_constant=False,
        constants_used=constants,
        columns_used=columns,
        reads_row=reads_row(tree),
        _compiled=compiled,
        _column=only_column(plain),
        _plain=plain,
        _sole_column=alone,
    )


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
