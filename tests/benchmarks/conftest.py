"""Prints the benchmarks' table at the end, whatever was captured."""

import pytest
import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if table.rows:
        terminalreporter.section("benchmarks")
        terminalreporter.write_line("\n".join(table.lines()))
