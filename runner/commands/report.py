"""`runner report`: what became of a campaign, in the form that was asked for. Only that is imported."""
# ruff: noqa: PLC0415 - see above

import asyncio
import sys
import time

from runner.commands.terminal import ledger_to_read
from runner.errors import ExitStatus
from runner.options import ReportFormat
from runner.reports.campaign_report import CampaignFigures, campaign_report
from runner.reports.progress import activity
from runner.services.campaign_figures import campaign_figures
from runner.settings import load_settings


def report(campaign: str, form: ReportFormat) -> int:
    settings = load_settings()
    with ledger_to_read(settings) as ledger, activity("counting calls"):
        figures = asyncio.run(campaign_figures(campaign, ledger, settings, time.time()))
    _write(figures, form)
    return ExitStatus.DONE


def _write(figures: CampaignFigures, form: ReportFormat) -> None:
    match form:
        case ReportFormat.TEXT:
            from runner.reports.console import standard_console
            from runner.reports.report_text import print_report

            print_report(standard_console(), campaign_report(figures))
        case ReportFormat.JSON:
            from runner.reports.json_text import json_text
            from runner.reports.report_json import report_json

            sys.stdout.write(f"{json_text(report_json(figures), indented=True)}\n")
        case ReportFormat.MARKDOWN:
            from runner.reports.report_markdown import report_markdown

            sys.stdout.write(report_markdown(campaign_report(figures)))
        case ReportFormat.HTML:
            from runner.reports.report_html import report_html

            sys.stdout.write(report_html(campaign_report(figures)))
