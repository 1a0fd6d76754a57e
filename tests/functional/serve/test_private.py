"""The private address over real sockets, where nobody has to sign in."""

import asyncio
import getpass
import time

import pytest
from private_sites import private_site
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from runner.calls import Role
from runner.errors import RunnerError
from runner.ledger.users import UserActs
from runner.serve import forms, people, private


async def whoami(request):
    return JSONResponse({"name": people.person(request).name, "csrf": request.state.csrf})


async def act(request):
    return JSONResponse({"actor": people.operator(request).name, "fields": await forms.read(request)})


async def act_by_program(request):
    return JSONResponse({"actor": people.operator(request).name, "given": await request.json()})


async def events(_request):
    async def stream():
        yield b"data: first\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(stream(), media_type="text/event-stream")


async def fail(_request):
    raise RunnerError("it cannot be done", hint="do something else")


def routes(_site):
    return [
        Route("/whoami", whoami),
        Route("/act", act, methods=["POST"]),
        Route("/api/act", act_by_program, methods=["POST"]),
        Route("/events", events),
        Route("/fail", fail),
        Route("/api/fail", fail),
    ]


@pytest.fixture
def site(ledger, monkeypatch):
    monkeypatch.setattr(private, "_PARTS", [routes])
    with private_site(ledger) as served:
        yield served


@pytest.mark.parametrize("path", ["/whoami", "/nothing", "/fail", "/api/nothing"])
def test_every_answer_has_the_headers_that_protect_people(site, path):
    headers = site.ask(path).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


def test_tls_is_demanded_where_people_come_by_it(ledger):
    UserActs(ledger.engine, "ops@desk").add("ana", Role.OPERATOR, "", time.time())
    with private_site(ledger, private_url="https://runner.example.org") as site:
        answer = site.ask("/nothing", host="runner.example.org")
    assert answer.status == 303
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_without_users_the_local_person_may_act(site):
    found = site.ask("/whoami")
    assert getpass.getuser() in found.body
    csrf = found.body.split('"csrf":"')[1].split('"')[0]
    done = site.ask("/act", "POST", form={"csrf": csrf, "name": "Zoë"})
    assert (done.status, '"name":"Zoë"' in done.body) == (200, True)


@pytest.mark.parametrize("form", [{}, {"csrf": ""}, {"csrf": "0" * 64}, {"name": "x"}])
def test_a_form_that_is_not_from_our_page_is_refused(site, form):
    assert site.ask("/act", "POST", form=form).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_web_site_cannot_act(site, headers):
    csrf = site.ask("/whoami").body.split('"csrf":"')[1].split('"')[0]
    assert site.ask("/act", "POST", form={"csrf": csrf}, **headers).status == 403
    json = {"body": "{}", "Content_Type": "application/json"}
    assert site.ask("/api/act", "POST", **json, **headers).status == 403
    assert site.ask("/api/act", "POST", **json).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_what_a_browser_sends_anywhere_unasked_does_not_act(site, content_type):
    refused = site.ask("/api/act", "POST", body="{}", Content_Type=content_type)
    assert refused.status == 415
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "runner.example.org"])
def test_an_unknown_host_name_is_refused(site, host):
    assert site.ask("/whoami", host=host).status == 421


def test_a_body_is_read_up_to_its_limit(site):
    csrf = site.ask("/whoami").body.split('"csrf":"')[1].split('"')[0]
    assert site.ask("/act", "POST", form={"csrf": csrf, "a": "x" * 60_000}).status == 200
    assert site.ask("/act", "POST", form={"csrf": csrf, "a": "x" * 70_000}).status == 413


def test_a_field_that_is_given_twice_is_refused(site):
    body = f"csrf={'0' * 64}&csrf=1"
    refused = site.ask("/act", "POST", body=body, Content_Type="application/x-www-form-urlencoded")
    assert (refused.status, "twice" in refused.body) == (400, True)


def test_errors_are_for_people_and_for_programs(site):
    assert site.ask("/fail").body == "409 Conflict\nit cannot be done\ndo something else\n"
    program = site.ask("/api/fail")
    assert program.headers["content-type"] == "application/problem+json"
    assert '"detail":"it cannot be done"' in program.body


def test_an_open_event_stream_does_not_delay_the_end(site):
    async def follow():
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"data: first")
        began = time.monotonic()
        site.server.stop()
        rest = await reader.read()
        writer.close()
        return rest, time.monotonic() - began

    rest, seconds = asyncio.run(follow())
    assert rest.endswith(b"0\r\n\r\n")
    assert seconds < 10


def test_a_request_through_a_proxy_that_is_not_named_is_not_local(site):
    refused = site.ask("/whoami", X_Forwarded_For="203.0.113.9")
    assert (refused.status, "runner users add" in refused.body) == (403, True)
