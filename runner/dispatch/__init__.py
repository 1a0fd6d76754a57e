"""WHAT is done: each call's request leaves at its time, once, and its outcome is recorded."""
