"""Whether a process has certainly ended, so that nobody needs to wait until its lease passes.

The number of a process alone does not say: each container has its own numbers, and a machine counts from one
after each boot. And another process may have the number by now: then nothing is certain.
"""

import os
import socket
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def pid_space() -> str:
    """Names the place where this process has its number: the machine, its boot and the container. Empty where
    the system does not say.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def has_ended(pid: int, space: str) -> bool:
    """Whether the process with this number in this place has certainly ended."""
    if not space or space != pid_space():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It is somebody else's.
        return False
    return False
