"""Standard output and error: everything printed passes through here.

Names of files, campaign files, lists, lock files and answers of a server may hold anything. Nothing of them
controls the terminal that shows it, or the GitHub job whose log it is.
"""

import re
import sys
from io import TextIOWrapper

from runner.characters import visible


class GuardedOutput(TextIOWrapper):
    """A standard stream in which nothing steers a terminal, or is a command to GitHub."""

    def write(self, text: str) -> int:
        self.write_styled(visible(text))
        return len(text)

    def write_styled(self, text: str) -> int:
        """For text that was made visible before it was styled: terminal sequences pass."""
        return super().write(_without_commands(text))

    def write_commands(self, text: str) -> int:
        """For commands to GitHub that quote every value as GitHub reads it."""
        return super().write(visible(text))


def guard_output() -> None:
    """Has everything that is printed from now on pass through here."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Without an output there is none.
        if isinstance(stream, TextIOWrapper):
            guarded = GuardedOutput(
                stream.detach(),
                encoding=stream.encoding,
                # A terminal that lacks a character shows a question mark rather than a traceback.
                errors="replace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, guarded)
            # Python looks there, too, when it ends.
            setattr(sys, f"__{name}__", guarded)


def write_commands(text: str) -> None:
    """Writes commands to GitHub to standard output."""
    if isinstance(sys.stdout, GuardedOutput):
        sys.stdout.write_commands(text)
    else:
        sys.stdout.write(text)


def _without_commands(text: str) -> str:
    """GitHub reads a line that begins with :: as a command, and ##[ anywhere."""
    return re.sub(r"(?m)^([^\S\n]*)::", r"\1: :", text).replace("##[", "## [")
