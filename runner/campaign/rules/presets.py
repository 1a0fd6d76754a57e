"""Reads presets: those that ship with runner, and those of the folder in RUNNER_RULES."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, did_you_mean
from runner.campaign.document import Document
from runner.campaign.loader import FileKind, load_declared
from runner.campaign.rules.preset import Preset
from runner.campaign.rules.rule_set import RuleSet
from runner.errors import RunnerError, SettingsError

_SHIPPED = Path(__file__).parent / "shipped"
_KIND = FileKind(Preset, "preset")


class UnknownPresetError(RunnerError):
    """No preset has that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        hint = did_you_mean(name, known) or "`runner rules` lists all presets"
        super().__init__(f"there is no rule preset `{name}`", hint=hint)


class Presets:
    """All presets, by name. `own` are the files of the folder in RUNNER_RULES, by name."""

    def __init__(self, presets: Mapping[str, Preset], own: Mapping[str, Path]) -> None:
        self.by_name = presets
        self.own = own

    def named(self, name: str) -> Preset:
        """Raises UnknownPresetError."""
        if name not in self.by_name:
            raise UnknownPresetError(name, self.by_name)
        return self.by_name[name]

    def rule_sets(self, names: Iterable[str]) -> tuple[RuleSet, ...]:
        """What these presets consist of, each rule set once. Raises UnknownPresetError."""
        return tuple(dict.fromkeys(rule for name in names for rule in self._rule_sets_of(self.named(name))))

    def files_of(self, names: Iterable[str]) -> tuple[Path, ...]:
        """The files in RUNNER_RULES that these presets come from."""
        every = (part for name in names for part in (name, *self.named(name).by_state))
        return tuple(dict.fromkeys(self.own[name] for name in every if name in self.own))

    def _rule_sets_of(self, preset: Preset) -> Iterator[RuleSet]:
        if preset.weekly is not None or preset.holidays is not None or preset.caps:
            yield preset.rule_set()
        for name in preset.by_state:
            member = self.named(name)
            yield member.rule_set(frozenset(member.covers))


def presets(folder: Path | None = None) -> Presets:
    """The shipped presets, and those of the folder.

    Raises SettingsError for a folder that cannot be read, and CampaignInvalidError with all errors of its
    files.
    """
    found, own, errors = dict(_shipped()), dict[str, Path](), list[Diagnostic]()
    for file in _files_in(folder) if folder is not None else ():
        try:
            preset, document = load_declared(file, _KIND)
        except CampaignInvalidError as error:
            errors += error.diagnostics
            continue
        if preset.name in found:
            errors.append(_name_clash(document, preset.name, own.get(preset.name)))
            continue
        found[preset.name] = preset
        own[preset.name] = file
    errors += _unknown_members(found, own)
    if errors:
        raise CampaignInvalidError(errors, what="rule presets")
    return Presets(found, own)


@cache
def _shipped() -> Mapping[str, Preset]:
    return {
        preset.name: preset
        for preset, _ in (load_declared(file, _KIND) for file in sorted(_SHIPPED.glob("*.yaml")))
    }


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SettingsError(
            f"RUNNER_RULES names {folder}, which is not a directory", hint="name a folder of preset files"
        )
    return sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())


def _name_clash(document: Document, name: str, other: Path | None) -> Diagnostic:
    whose = f"that of {other}" if other else "a preset that ships with runner"
    return document.error(
        "duplicate_preset", f"preset `{name}` has the name of {whose}", ("name",), "choose another name"
    )


def _unknown_members(found: Mapping[str, Preset], own: Mapping[str, Path]) -> Iterator[Diagnostic]:
    for name, file in own.items():
        for position, member in enumerate(found[name].by_state):
            if member not in found:
                _, document = load_declared(file, _KIND)
                error = UnknownPresetError(member, found)
                yield document.error("unknown_preset", error.message, ("by_state", position), error.hint)
            elif found[member].by_state:
                _, document = load_declared(file, _KIND)
                yield document.error(
                    "nested_preset",
                    f"`{member}` consists of other presets itself",
                    ("by_state", position),
                    "name the presets that it consists of",
                )
