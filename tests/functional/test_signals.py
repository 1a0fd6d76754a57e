"""Signals before, in and after the event loop of a run: each ends it in order."""

import asyncio
import os
import signal

import pytest

from runner.commands.execution import interruptible, signals_kept


@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_is_heeded_at_once_unless_it_was_ignored_from_the_beginning(ignored):
    steps = []

    async def enter():
        before = signal.getsignal(signal.SIGINT)
        try:
            with interruptible():
                os.kill(os.getpid(), signal.SIGINT)
                steps.append("entered")
        finally:
            assert signal.getsignal(signal.SIGINT) is before

    outside = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        if ignored:
            asyncio.run(enter())
        else:
            with pytest.raises(KeyboardInterrupt):
                asyncio.run(enter())
    finally:
        signal.signal(signal.SIGINT, outside)
    assert steps == (["entered"] if ignored else [])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_when_all_is_sent_still_ends_in_order(how):
    """An event loop that closes would leave it to the system, and nothing would be put away."""

    async def run():
        asyncio.get_running_loop().add_signal_handler(how, lambda: None)

    outside = signal.signal(how, signal.default_int_handler)
    try:
        with signals_kept():
            asyncio.run(run())
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), how)
    finally:
        signal.signal(how, outside)
