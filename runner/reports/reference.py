"""The reference of the campaign file: all of it as Markdown, or some keys as text."""
# ruff: noqa: E501 - it holds paragraphs of a document, as wide as those of the other documents

from collections.abc import Iterator, Sequence

from runner.campaign.reference import Key
from runner.campaign.warning_codes import WarningCode
from runner.reports.markdown import table

_HEAD = """\
# The campaign file

The reference of every key. It is generated from the models, like [campaign.schema.json](campaign.schema.json)
(`make schema`); `runner schema KEY` prints the same for one key. With this first line, editors complete and check a
file:

```yaml
# yaml-language-server: $schema=../schemas/campaign.schema.json
```

Rules for the whole file:

- Unknown and repeated keys are errors. So are YAML's anchors, aliases, tags and merge keys: use `vars`.
- Numbers to dial, IDs and dates are written in quotes. Without quotes, YAML reads a number and drops the plus or the
  leading zero.
- A duration is `90` (seconds), `"90s"`, `"45m"` or `"2h"`.
- Paths are relative to the campaign file. Sources must lie in the git work tree around it (or, without git, in its
  folder) or in `RUNNER_DATA_ROOTS`, and their names may not begin with a dot.
- *template* marks values that may be [templates](#templates).
"""

_ROWS = """\
## How rows are read

CSV files are UTF-8 with a header line. Another encoding is read as Latin-1, with a warning. Commas, semicolons, tabs and
bars are recognised as delimiters, and so is a `sep=` line. A row with too many or too few fields stops the run, because
shifted columns would call the wrong number. A record has at most a million characters and 16,384 columns.

Each row passes, in this order: `where`, the number, suppression lists, duplicates. Of rows with the same key or number,
the first that can be called is called. The plan names every row that gets no call, with its reason code.

Numbers on suppression lists match in any spelling, and an extension on a list's number suppresses the number. Keys match
without regard to case, invisible characters, leading zeros (`0002` and `2`) and what spreadsheets make of them
(`1001.0`). A listed key also keeps its number from being called for other rows. An empty list, a row that gives neither
number nor key, and a list without a header line are errors; `allow_empty` and `allow_invalid` permit the first two.
"""

_TEMPLATES = """\
## Templates

A value with `{{ }}` is filled in for each row. The language is a part of Jinja's: expressions, filters, tests and
`{% if %}`; no loops, no calls, no assignments. A column is `row.name`, or `row['First Name']` where its name has
spaces. `vars.site` is a constant. Columns of a CSV file are text. A column that does not exist is an error for that
row, not an empty text.

| filter | gives |
|---|---|
| `trim`, `upper`, `lower`, `title`, `capitalize` | text; `trim('x')` strips other characters |
| `replace(old, new)`, `join(separator)`, `string`, `length` | text; `length` a number |
| `int`, `float` | a number; `int(default=0)` serves rows that hold none |
| `round(digits)`, `abs` | a number |
| `default(value)` | the value where a column does not exist; `default(value, true)` also where it is empty |
| `add_days(n)` | a date or instant, `n` days later |
| `date('%m/%d/%Y')` | the date in a text of this form, as `2026-12-01`; empty where the text is empty |
| `urlencode` | text made safe for a part of a URL |

Operators are those of Python: `+ - * / // % **`, comparisons, `in`, `and`, `or`, `not`, `a if b else c`, `~` to join
texts, and slices such as `row.zip[:3]`. Tests follow `is`: `defined`, `none`, `string`, `number`, `integer`, `float`,
`boolean`, `mapping`, `even`, `odd`, `divisibleby(n)`. Sizes of texts and numbers are bounded, so that no row can stall
a campaign.

A template that fails for a row excludes that row with `template_error` and names the field, never the content. If it
fails for every row, that is an error of the campaign. Text that looks like a template but is none (`{row.x}`, `row.x`) is
an error; to send it as it is, write it as text in a template: `{{ '{row.x}' }}`.
"""

_WARNINGS = """\
## Warnings

`validate` gives the warnings that the file alone shows, `plan` and `apply` also those that the contacts, the pace, the
lists and the ledger show. Each names its line and has a hint. A warning that does not apply to a campaign is
suppressed in its file, with the reason:

```yaml
silence:
  on_the_hour: Plum agreed to it on 2026-11-02
```

One line of the output says how many warnings are suppressed, which, and why. Errors cannot be suppressed.
"""


def reference_markdown(keys: Sequence[Key]) -> str:
    """What `schemas/README.md` holds."""
    sections: dict[str, list[Key]] = {}
    for key in keys:
        sections.setdefault(_section(key), []).append(key)
    parts = [_HEAD]
    for section, members in sections.items():
        title = f"`{section}`" if section else "At the top"
        parts.append("\n".join([f"## {title}", "", *_table(members), ""]))
    parts += [_ROWS, _TEMPLATES, "\n".join([_WARNINGS, *_warnings(), ""])]
    return "\n".join(parts)


def reference_text(keys: Sequence[Key]) -> str:
    """Some keys for a terminal, each as a paragraph."""
    return "\n".join("\n".join(_paragraph(key)) + "\n" for key in keys)


def _section(key: Key) -> str:
    """The mapping at the top that holds the key; empty for keys at the top themselves."""
    return key.path.partition(".")[0] if "." in key.path else ""


def _table(keys: Sequence[Key]) -> list[str]:
    return table(
        ["key", "takes", "default", "meaning", "example"],
        [
            [
                f"`{key.path.partition('.')[2] or key.path}`",
                f"{key.takes}{', *template*' if key.is_template else ''}",
                key.default,
                key.meaning.replace("|", r"\|"),
                f"`{key.example}`".replace("|", r"\|") if key.example else "",
            ]
            for key in keys
        ],
    )


def _warnings() -> list[str]:
    return table(
        ["code", "warns that", "can be suppressed"],
        [
            [f"`{code}`", code.meaning, f"no: {code.always_shown}" if code.always_shown else "yes"]
            for code in WarningCode
        ],
    )


def _paragraph(key: Key) -> Iterator[str]:
    yield key.path
    yield f"  takes:   {key.takes.replace('`', '')}{', or a template' if key.is_template else ''}"
    yield f"  default: {key.default.replace('`', '')}"
    yield f"  meaning: {key.meaning}"
    if key.example:
        yield f"  example: {key.name}: {key.example}"
