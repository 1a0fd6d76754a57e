"""Answers requests with pages: templates around values, and the files that they need."""

import hashlib
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from runner.calls import Role
from runner.reports.page.template import shipped, templates

if TYPE_CHECKING:
    from runner.serve.people import Person

_HERE = "runner.serve.pages"
_STATIC = "/static/"
_STYLES = (
    ("plan.css", "runner.reports.page"),
    ("report.css", "runner.reports.page"),
    ("site.css", _HERE),
)
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def _files() -> Mapping[str, str]:
    """What pages load, by name. Each name is part of an address that changes with the content."""
    return {
        # The pages look as plans and reports do.
        "site.css": "".join(shipped(name, package) for name, package in _STYLES),
        "live.js": shipped("live.js", _HERE),
        "plan.js": shipped("plan.js"),
        "icon.svg": shipped("icon.svg", _HERE),
    }


@cache
def _addresses() -> Mapping[str, str]:
    return {
        name: f"{_STATIC}{hashlib.sha256(text.encode()).hexdigest()[:16]}/{name}"
        for name, text in _files().items()
    }


async def static_file(request: Request) -> Response:
    """A file at the address of its present content; 404 at any other."""
    name = request.path_params["name"]
    if _addresses().get(name) != request.url.path:
        return message_page(request, HTTPStatus.NOT_FOUND, "there is no such file")
    media_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
    return Response(_files()[name], media_type=media_type, headers={"cache-control": _FOREVER})


def page(request: Request, template: str, /, *, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:  # noqa: ANN401 - whatever the template takes
    """The template of this name, for the person who asks."""
    person: Person | None = getattr(request.state, "person", None)
    text = (
        templates(_HERE)
        .get_template(template)
        .render(
            **{
                "static": _addresses(),
                "person": person,
                "is_operator": person is not None and person.role is Role.OPERATOR,
                "csrf": getattr(request.state, "csrf", ""),
                "can_sign_out": getattr(request.state, "has_session", False),
                "here": "",
                **values,
            }
        )
    )
    return HTMLResponse(text, status)


def message_page(
    request: Request,
    status: int,
    detail: str,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Says what is wrong, and what to do."""
    title = _TITLES.get(status, HTTPStatus(status).phrase)
    answer = page(
        request, "message.html", status=status, title=title, detail=_sentence(detail), hint=_sentence(hint)
    )
    answer.headers.update(headers or {})
    return answer


_TITLES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request cannot be carried out",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "Page not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "This page does not take that request",
    HTTPStatus.CONFLICT: "Nothing was done",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Error in runner",
    HTTPStatus.SERVICE_UNAVAILABLE: "The ledger cannot be reached",
}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text.endswith('.') else '.'}"


def fragment(name: str, macro: str, *values: object) -> Markup:
    """What a macro of a template makes of these values."""
    made: Markup = getattr(_module(name), macro)(*values)
    return made


@cache
def _module(name: str) -> object:
    return templates(_HERE).get_template(name).module


def render(name: str, values: Mapping[str, object]) -> Markup:
    """A template that is part of a page."""
    return Markup(templates(_HERE).get_template(name).render(values))  # noqa: S704 - each value is escaped
