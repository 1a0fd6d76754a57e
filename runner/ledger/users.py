"""The people who may use the private address of `serve`."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may do on the private address."""

    VIEWER = "viewer"
    """Reads; numbers are masked."""
    OPERATOR = "operator"
    """Acts too."""
