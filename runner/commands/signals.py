"""Signals that end a run in order: Ctrl-C, SIGTERM, and a terminal that closes."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Restores the signal handlers at the end: an event loop that closes resets those it handled to the
    system's, which end the process at once.
    """
    before = {name: signal.getsignal(name) for name in _ENDING}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Has the running event loop call `stop`, in place of what the signals did before."""
    loop = asyncio.get_running_loop()
    for name in _ENDING:
        # Under nohup, SIGHUP stays ignored.
        if signal.getsignal(name) is not signal.SIG_IGN:
            loop.add_signal_handler(name, stop)
