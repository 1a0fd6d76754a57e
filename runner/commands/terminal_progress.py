"""Shows the progress of services on the terminal."""

from runner.reports.progress import activity, progress, row_progress


class TerminalProgress:
    """Implements `services.progress.Progress` with bars on stderr; without a terminal it shows nothing."""

    activity = staticmethod(activity)
    bar = staticmethod(progress)
    rows = staticmethod(row_progress)


TERMINAL_PROGRESS = TerminalProgress()
