"""Pages from Jinja templates: every value is escaped, and nothing is loaded from anywhere."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from runner.reports.plan_facts import count

_HERE = "runner.reports.page"


def shipped(name: str, package: str = _HERE) -> str:
    """A file of this folder, or of that of another package."""
    return (files(package) / name).read_text(encoding="utf-8")


def template(name: str) -> Template:
    return templates().get_template(name)


@cache
def templates(*packages: str) -> Environment:
    """The templates of these packages and of this one, which may include each other."""
    environment = Environment(
        loader=FunctionLoader(lambda name: _source(name, (*packages, _HERE))),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.filters["number"] = "{:,}".format
    environment.filters["count"] = count
    return environment


def _source(name: str, packages: Iterable[str]) -> str | None:
    found = next((package for package in packages if (files(package) / name).is_file()), None)
    return None if found is None else shipped(name, found)


def policy(style: str, script: str = "") -> str:
    """Only this style and this script: whatever a value smuggled in would stay text."""
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    return f"default-src 'none'; style-src '{_hash(style)}'; {scripts}base-uri 'none'; form-action 'none'"


def shown(text: str) -> str:
    """The text with every character visible: one that turns the writing, for example, as its code."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _finalize(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
