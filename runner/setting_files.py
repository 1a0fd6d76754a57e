"""Whether a setting may be there, without reading the settings: that takes longer than to check a file."""

import os
from pathlib import Path

from platformdirs import user_config_path

_FILES = {"RUNNER_ENV_FILE", "RUNNER_SECRETS_DIR"}
"""Variables that name where other settings are."""


def default_env_file() -> Path:
    return user_config_path("runner") / ".env"


def may_be_set(variable: str) -> bool:
    """Whether the environment, the `.env` file or the secrets folder may set this variable."""
    return bool({variable, *_FILES} & {name.upper() for name in os.environ}) or default_env_file().is_file()
