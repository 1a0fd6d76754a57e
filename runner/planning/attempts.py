"""How often Insight may dial for one request. Pure."""


def attempts_that_fit(start: int, end: int, max_attempts: int, reattempt_wait: int | None) -> int:
    """How many dials, `reattempt_wait` seconds apart, have time between start and end."""
    if reattempt_wait is None or max_attempts == 1:
        return 1
    return min(max_attempts, 1 + (end - start) // reattempt_wait)
