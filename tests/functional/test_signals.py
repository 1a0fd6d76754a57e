"""Ctrl-C while a plan enters the ledger: an event loop would only heed it when all of it is there."""

import asyncio
import os
import signal

import pytest

from runner.commands.carry_out import heeding_ctrl_c


@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_is_heeded_at_once_unless_it_was_ignored_from_the_beginning(ignored):
    steps = []

    async def enter():
        before = signal.getsignal(signal.SIGINT)
        try:
            with heeding_ctrl_c():
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
