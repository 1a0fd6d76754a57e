"""A pseudo terminal in place of stderr, and what it was sent."""

import os
import pty
import re
import sys
import termios
import threading
from contextlib import contextmanager, suppress


@contextmanager
def terminal(monkeypatch):
    """A terminal for stderr; the list it gives holds, after the block, what the terminal was sent."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    monkeypatch.setenv("TERM", "xterm")
    sent = []

    def read():
        # Linux ends a terminal that nobody holds any more with an error.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                sent.append(part.decode())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            yield sent
    finally:
        reader.join()
        os.close(ours)


def shown(sent):
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "".join(sent))
