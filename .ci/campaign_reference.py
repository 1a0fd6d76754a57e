"""The reference of the campaign file as Markdown, made from its models."""

from collections.abc import Sequence
from pathlib import Path

from runner.campaign.reference import Key
from runner.campaign.warning_codes import WarningCode
from runner.reports.exclusion_reasons import REASONS
from runner.reports.markdown import table

_TEXT = Path(__file__).with_name("campaign_reference.md")


def reference_markdown(keys: Sequence[Key], preset_keys: Sequence[Key]) -> str:
    """What `schemas/README.md` holds: the text of `campaign_reference.md`, with its tables.

    `preset_keys` are those of a rule preset.
    """
    sections: dict[str, list[Key]] = {}
    for key in keys:
        sections.setdefault(_section(key), []).append(key)
    tables = [
        "\n".join([f"## `{section}`" if section else "## At the top", "", *_table(members), ""])
        for section, members in sections.items()
    ]
    text = _TEXT.read_text(encoding="utf-8")
    text = text.replace("[[keys]]\n", "\n".join(tables))
    text = text.replace("[[preset keys]]", "\n".join(_table(preset_keys, whole_path=True)))
    text = text.replace("[[reasons]]", "\n".join(_reasons()))
    return text.replace("[[warnings]]", "\n".join(_warnings()))


def _section(key: Key) -> str:
    """The mapping at the top that holds the key; empty for keys at the top themselves."""
    return key.path.partition(".")[0] if "." in key.path else ""


def _table(keys: Sequence[Key], *, whole_path: bool = False) -> list[str]:
    return table(
        ["key", "takes", "default", "meaning", "example"],
        [
            [
                f"`{key.path if whole_path else key.path.partition('.')[2] or key.path}`",
                f"{key.takes}{', *template*' if key.is_template else ''}",
                key.default,
                key.meaning.replace("|", r"\|"),
                f"`{key.example}`".replace("|", r"\|") if key.example else "",
            ]
            for key in keys
        ],
    )


def _reasons() -> list[str]:
    return table(["code", "why there is no call"], [[f"`{code}`", words] for code, words in REASONS.items()])


def _warnings() -> list[str]:
    return table(
        ["code", "warns that", "can be suppressed"],
        [
            [f"`{code}`", code.meaning, f"no: {code.always_shown}" if code.always_shown else "yes"]
            for code in WarningCode
        ],
    )
