from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity, render
from runner.errors import ExitStatus


def diagnostic(**parts):
    given = {
        "severity": Severity.ERROR,
        "code": "bad_name",
        "message": "Wrong",
        "file": "a.yaml",
        "line": 2,
        "col": 7,
    }
    return Diagnostic(**{**given, **parts})


def test_a_diagnostic_reads_as_compilers_write_it():
    assert str(diagnostic()) == "a.yaml:2:7: error[bad_name]: Wrong"


def test_a_diagnostic_about_the_whole_file_has_no_line():
    assert str(diagnostic(line=0, col=0)) == "a.yaml: error[bad_name]: Wrong"


def test_a_rendered_diagnostic_has_its_line_a_caret_and_the_hint():
    shown = render(diagnostic(source_line="name: Followup", hint="lower case"))
    assert shown.splitlines() == [
        "a.yaml:2:7: error[bad_name]: Wrong",
        "    name: Followup",
        "          ^",
        "  hint: lower case",
    ]


def test_without_line_and_hint_one_line_is_left():
    assert render(diagnostic()) == "a.yaml:2:7: error[bad_name]: Wrong"


def test_the_caret_is_below_its_character_after_wide_ones_and_tabs():
    lines = render(diagnostic(source_line="\t名前: X", col=6)).splitlines()
    assert lines[1:] == ["     名前: X", "    " + " " * 7 + "^"]


def test_a_long_line_is_shown_around_the_caret():
    lines = render(diagnostic(source_line="a" * 300 + "X" + "b" * 300, col=301)).splitlines()
    assert len(lines[1]) < 120
    assert lines[1][lines[2].index("^")] == "X"


def test_nothing_of_a_line_steers_the_terminal():
    assert "\x1b" not in render(diagnostic(source_line="name: \x1b[31mred"))


def test_the_error_counts_errors_and_not_warnings():
    error = CampaignInvalidError([diagnostic(), diagnostic(severity=Severity.WARNING)])
    assert error.message == "1 error in the campaign file"
    assert error.exit_status is ExitStatus.CAMPAIGN_INVALID
    assert CampaignInvalidError([diagnostic()] * 2).message == "2 errors in the campaign file"
