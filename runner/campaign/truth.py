"""What counts as yes and as no in a condition, such as `contacts.where`. Pure.

People who said no must not be called, so a text that is neither never counts as yes.
"""

import re

from runner.campaign.filters import RefusedError

_YES = frozenset({"true", "yes", "y", "1", "on", "t"})
_NO = frozenset({"", "false", "no", "n", "0", "off", "f", "none", "null"})
_NUMBER = re.compile(r"[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.ASCII)


def truth(text: str) -> bool | None:
    """Whether a text means yes or no; None where it means neither. A number means yes unless it is 0."""
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    number = _NUMBER.fullmatch(word)
    return None if number is None else bool(number[1].strip("0."))


def holds(value: object) -> bool:
    """The same of any value, where it stands next to `and`, `or`, `not` or `if` in a condition.

    To Jinja every text but the empty one is true, `N` and `false` among them. Raises RefusedError.
    """
    if not isinstance(value, str):
        return bool(value)
    found = truth(value)
    if found is None:
        raise RefusedError("this text means neither yes nor no; compare it: `row.consent == 'Y'`")
    return found
