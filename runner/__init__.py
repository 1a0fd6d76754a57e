"""runner: declarative voice-survey campaigns on Plum Insight, each contact queued once, at the right time."""
