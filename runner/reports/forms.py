"""What the JSON forms of all outputs share. `schemas/outputs` describes each of them, generated from here."""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

FORMAT_VERSION = 1
"""Of every form. New keys may come under the same version; programs ignore those that they do not know."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Form(TypedDict):
    """A JSON object with these keys."""
