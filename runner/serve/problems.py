"""What the private address answers when it does not do what was asked."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from runner.errors import LedgerUnavailableError, RunnerError, UnknownCampaignError, UsageError
from runner.serve.pages.rendering import message_page

API = "/api"
_MEDIA_TYPE = "application/problem+json"
_STATUS_OF = {LedgerUnavailableError: 503, UnknownCampaignError: 404, UsageError: 400}


def http_problem(request: Request, error: HTTPException) -> Response:
    return problem(request, error.status_code, error.detail, headers=dict(error.headers or {}))


def runner_problem(request: Request, error: RunnerError) -> Response:
    status = next((status for kind, status in _STATUS_OF.items() if isinstance(error, kind)), 409)
    return problem(request, status, error.message, error.hint)


def problem(
    request: Request, status: int, detail: str, hint: str = "", *, headers: dict[str, str] | None = None
) -> Response:
    """For programs as RFC 9457 says, for browsers as a page, for others as text."""
    title = HTTPStatus(status).phrase
    if is_api(request):
        content = {"title": title, "status": status, "detail": detail, "hint": hint}
        return JSONResponse(content, status, headers, media_type=_MEDIA_TYPE)
    if "text/html" in request.headers.get("accept", ""):
        return message_page(request, status, detail, hint, headers)
    text = "\n".join(line for line in (f"{status} {title}", detail, hint) if line)
    return PlainTextResponse(f"{text}\n", status, headers)


def is_api(request: Request) -> bool:
    path: str = request.scope["path"]
    return path == API or path.startswith(f"{API}/")
