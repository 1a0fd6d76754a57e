"""Signals around the event loop of a run."""

import asyncio
import os
import signal

import pytest

from runner.commands.terminal import signals_restored


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_the_event_loop_closed_still_raises_keyboard_interrupt(how):
    async def run():
        asyncio.get_running_loop().add_signal_handler(how, lambda: None)

    outside = signal.signal(how, signal.default_int_handler)
    try:
        with signals_restored():
            asyncio.run(run())
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), how)
    finally:
        signal.signal(how, outside)
