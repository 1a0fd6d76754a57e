"""WHAT is remembered: every call, its state and its history, durably, so that nobody is called twice."""
