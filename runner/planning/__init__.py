"""WHEN each contact is called, and if: pure functions from values, with `now` as an argument."""
