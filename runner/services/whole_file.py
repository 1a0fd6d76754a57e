"""Files that are written whole or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import RunnerError

_PRIVATE, _USUAL = 0o600, 0o666


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A new file to be written, which then takes the place of `path`; where it is private, only its owner may
    read it. Raises RunnerError.
    """
    if path.exists() and not path.is_file():
        raise RunnerError(f"{path} is not a regular file", hint="give the name of a file")
    try:
        # Next to its place, so that renaming it is one step.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            whole = Path(folder) / path.name
            whole.touch(mode=_PRIVATE if private else _USUAL)
            yield whole
            whole.replace(path)
    except OSError as error:
        raise RunnerError(f"{path} cannot be written: {error.strerror}") from None
