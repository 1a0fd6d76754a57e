"""runner: declarative voice-survey campaigns on Plum Insight, each contact queued once, at the right time."""

from importlib.metadata import version

__version__ = version("plum-runner")
