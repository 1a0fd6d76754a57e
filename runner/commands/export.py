"""`runner export`: what is known of each call or contact, for spreadsheets and statistics."""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from runner.commands.show import check_private
from runner.commands.terminal import ledger_to_read
from runner.errors import ExitStatus, RunnerError, UsageError
from runner.extras import install_command, packages_of
from runner.ledger.imports import imported_rows
from runner.options import ExportBy, ExportFormat
from runner.reports.export_rows import CallExport, ContactExport, Exporter
from runner.reports.export_text import csv_text, json_lines
from runner.reports.forms import FORMAT_VERSION
from runner.reports.progress import activity
from runner.reports.times import rfc3339
from runner.results.dispositions import EDITION
from runner.services.campaign_results import CampaignResults, campaign_results
from runner.services.whole_file import whole_file
from runner.settings import load_settings


@dataclass(frozen=True, slots=True)
class _Export:
    """Rows to be written, their columns, and what is said of them all."""

    columns: tuple[str, ...]
    rows: Iterable[CallExport | ContactExport]
    about: dict[str, Any]


def export(campaign: str, form: ExportFormat, by: ExportBy, path: Path | None, *, show_contacts: bool) -> int:
    """To standard output without a `path`."""
    if form is ExportFormat.PARQUET:
        _check_parquet(path)
    if show_contacts and path is None:
        check_private()
    settings = load_settings()
    # A terminal that shows the rows needs no other sign that they are being written.
    shows_rows = path is None and sys.stdout.isatty()
    with ledger_to_read(settings) as ledger, nullcontext() if shows_rows else activity("writing the export"):
        found = asyncio.run(campaign_results(campaign, ledger, settings, time.time()))
        exported = _exported(found, by, show_contacts=show_contacts)
        if path is None:
            sys.stdout.writelines(_text(exported, form))
        else:
            _write(exported, form, path, private=show_contacts)
    return ExitStatus.DONE


def _check_parquet(path: Path | None) -> None:
    """Before anything is read. Raises RunnerError."""
    if path is None:
        raise UsageError("Parquet cannot be written to standard output", hint="name a file: -o calls.parquet")
    if find_spec("pyarrow") is None:
        raise RunnerError(
            "an export as Parquet needs the pyarrow package, which is not installed",
            hint=install_command(*packages_of("parquet")),
        )


def _exported(found: CampaignResults, by: ExportBy, *, show_contacts: bool) -> _Export:
    exporter = Exporter(found.rules.completes_from, show_contacts=show_contacts)
    about = {
        "format_version": FORMAT_VERSION,
        "campaign": found.overview.campaign,
        "as_of": rfc3339(found.overview.as_of),
        "edition": EDITION,
        "by": by.value,
    }
    imported = imported_rows(found.ledger.engine, found.overview.campaign)
    if by is ExportBy.CALL:
        calls = (row for case in found.cases() for row in exporter.calls(case))
        return _Export(CallExport._fields, chain(calls, map(exporter.imported_call, imported)), about)
    contacts = map(exporter.contact, found.cases())
    return _Export(ContactExport._fields, chain(contacts, map(exporter.imported_contact, imported)), about)


def _text(exported: _Export, form: ExportFormat) -> Iterator[str]:
    if form is ExportFormat.CSV:
        return csv_text(exported.columns, exported.rows)
    return json_lines(exported.about, f"{exported.about['by']}s", exported.rows)


def _write(exported: _Export, form: ExportFormat, path: Path, *, private: bool) -> None:
    with whole_file(path, private=private) as whole:
        if form is ExportFormat.PARQUET:
            # A large library, and an extra.
            from runner.reports.export_parquet import write_parquet  # noqa: PLC0415

            write_parquet(whole, exported.columns, exported.rows, exported.about)
            return
        with whole.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_text(exported, form))
