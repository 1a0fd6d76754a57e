"""WHAT is learned: how calls ended, from Insight's callbacks and from asking it, and what that adds up to."""
