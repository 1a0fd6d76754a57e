"""Values that a command line gives for entries of `vars`: `--var wave=3`. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence

from runner.campaign import document
from runner.campaign.diagnostics import did_you_mean
from runner.campaign.document import Scalar, Style
from runner.errors import UsageError

Variables = Mapping[str, str]
"""Name → value, as they were written."""
NO_VARIABLES: Variables = {}

_VARS = "vars"
_WORDS = {"true": True, "false": False}
_NUMBERS: Sequence[tuple[type, Callable[[str], object], str, str]] = (
    (int, int, r"[-+]?[0-9]{1,18}", "a whole number"),
    (float, float, r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?", "a number"),
)


def parse_variables(given: Sequence[str]) -> Variables:
    """Reads `name=value` of each option. Raises UsageError."""
    found: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise UsageError(f"invalid --var {each}: a name and a value are required", hint="write wave=3")
        if name in found:
            raise UsageError(f"--var {name} is given twice", hint="leave one of them out")
        found[name] = value
    return found


def set_variables(root: document.Mapping, given: Variables, file: str) -> None:
    """Changes the values of `vars` in the tree of a campaign. Raises UsageError for one that `file` does not
    declare, or of another type than it declares.
    """
    declared = root.values.get(_VARS)
    entries = declared.values if isinstance(declared, document.Mapping) else {}
    for name, text in given.items():
        entry = entries.get(name)
        if not isinstance(entry, Scalar):
            raise UsageError(
                f"--var {name}: {file} has no `{name}` under `vars`",
                hint=did_you_mean(name, entries) or f"declare it with its usual value: vars: {{{name}: …}}",
            )
        # As if in quotes: what is true of a number in the file is not true of one on a command line.
        entries[name] = Scalar(entry.place, text, _typed(name, text, entry.value), Style.QUOTED)


def _typed(name: str, text: str, declared: object) -> str | int | float | bool:
    """The value in the type of the declared one."""
    if isinstance(declared, bool):
        if text not in _WORDS:
            raise _wrong_type(name, text, "true or false")
        return _WORDS[text]
    for kind, read, pattern, what in _NUMBERS:
        if isinstance(declared, kind):
            if not re.fullmatch(pattern, text):
                raise _wrong_type(name, text, what)
            return read(text)  # type: ignore[return-value]  # int or float
    return text


def _wrong_type(name: str, text: str, what: str) -> UsageError:
    return UsageError(
        f"--var {name}={text}: expected {what}, as the campaign file declares `{name}`",
        hint="put the declared value in quotes if it is text",
    )
