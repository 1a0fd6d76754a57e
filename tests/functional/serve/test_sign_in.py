"""People who sign in, programs with tokens, and proxies that name people, over real sockets."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from ledger_values import rows
from private_sites import private_site
from starlette.responses import JSONResponse
from starlette.routing import Route

from runner.calls import Role
from runner.errors import SettingsError
from runner.ledger.users import UserActs
from runner.serve import people, private, sign_in, visitors
from runner.serve import site as site_pages
from runner.serve.sessions import IDLE_SECONDS, LONGEST_SECONDS
from runner.services.passwords import is_password, new_token, secret_hash

PASSWORD = "seven quiet green lamps"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Cheaper than those that runner makes."""
TLS = {"private_url": "https://runner.example.org"}
PROXY = {"user_header": "X-Remote-User", "trusted_proxies": ("127.0.0.1",)}


async def whoami(request):
    person = people.person(request)
    return JSONResponse({"name": person.name, "role": person.role, "csrf": request.state.csrf})


async def act(request):
    return JSONResponse({"actor": people.operator(request).name})


@pytest.fixture(autouse=True)
def routes(monkeypatch):
    made = [
        Route("/whoami", whoami),
        Route("/api/whoami", whoami),
        Route("/act", act, methods=["POST"]),
        Route("/api/act", act, methods=["POST"]),
    ]
    monkeypatch.setattr(private, "_PARTS", [lambda _site: made])


@pytest.fixture
def staffed(ledger):
    """A ledger with an operator and a viewer."""
    acts = UserActs(ledger.engine, "ops@desk")
    acts.add("ana", Role.OPERATOR, HASH, time.time())
    acts.add("vic", Role.VIEWER, HASH, time.time())
    return ledger


@pytest.fixture
def acts(staffed):
    return UserActs(staffed.engine, "ops@desk")


@pytest.fixture
def site(staffed):
    with private_site(staffed) as served:
        yield served


class Browser:
    """Keeps cookies, and sends forms as they are on the page."""

    def __init__(self, site, host=None, **headers):
        self.site, self.host, self.headers, self.jar = site, host, headers, {}

    def ask(self, path, method="GET", **more):
        if self.jar:
            more["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = self.site.ask(path, method, host=self.host, **{**self.headers, **more})
        for cookie in answer.cookies:
            name, value = cookie.partition(";")[0].split("=", 1)
            self.jar.pop(name, None)
            if value.strip('"'):
                self.jar[name] = value
        return answer

    def sign_in(self, name="ana", password=PASSWORD, after="/whoami", **more):
        page = self.ask("/sign-in")
        csrf = re.search(r'name="csrf" value="(\w+)"', page.body)[1]
        form = {"csrf": csrf, "next": after, "name": name, "password": password}
        return self.ask("/sign-in", "POST", form=form, **more)

    def csrf(self):
        return re.search(r'"csrf":"(\w*)"', self.ask("/whoami").body)[1]


@pytest.fixture
def frozen(monkeypatch):
    """Checking passwords takes no time."""
    now = time.time()
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(time=lambda: now))


def signed_in(site, name="ana", **more):
    browser = Browser(site, **more)
    assert browser.sign_in(name).status == 303
    return browser


def test_nobody_reaches_a_page_without_signing_in(site):
    answer = site.ask("/whoami?a=1&b=2")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=%2Fwhoami%3Fa%3D1%26b%3D2")
    assert site.ask("/nothing").status == 303
    assert site.ask("/act", "POST", form={}).status == 401
    for path in ("/api/whoami", "/metrics"):
        answer = site.ask(path)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_who_signs_in_comes_to_the_page_and_may_act_by_its_forms(site):
    browser = Browser(site)
    answer = browser.sign_in()
    assert (answer.status, answer.headers["location"]) == (303, "/whoami")
    assert '"name":"ana","role":"operator"' in browser.ask("/whoami").body
    assert browser.ask("/act", "POST", form={"csrf": browser.csrf()}).body == '{"actor":"ana"}'


def test_a_viewer_reads_and_does_not_act(site):
    browser = signed_in(site, "vic")
    refused = browser.ask("/act", "POST", form={"csrf": browser.csrf()})
    assert (refused.status, "viewer" in refused.body) == (403, True)


def test_names_are_taken_in_any_case(site):
    assert Browser(site).sign_in(" Ana ").status == 303


@pytest.mark.parametrize("settings", [{}, TLS], ids=["plain", "tls"])
def test_the_cookie_of_a_session_is_for_this_site_alone(staffed, settings):
    host = "runner.example.org" if settings else None
    with private_site(staffed, **settings) as site:
        answer = Browser(site, host).sign_in()
    (cookie,) = [each for each in answer.cookies if "session" in each]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert ("Secure" in cookie) == cookie.startswith("__Host-") == bool(settings)
    assert "Domain" not in cookie


def test_the_ledger_holds_no_secret_of_a_session_or_token(ledger, site, acts):
    browser = signed_in(site)
    token = new_token()
    acts.add_token("ana", secret_hash(token), time.time())
    (secret,) = browser.jar.values()
    kept = str(rows(ledger, "SELECT * FROM sessions") + rows(ledger, "SELECT * FROM tokens"))
    assert secret not in kept
    assert token not in kept


def test_a_session_is_new_at_each_sign_in_and_the_one_before_is_over(ledger, site):
    browser = Browser(site)
    browser.jar["runner-session"] = "chosen-by-an-attacker"
    browser.sign_in()
    first = dict(browser.jar)
    assert "chosen-by-an-attacker" not in first.values()
    browser.sign_in()
    assert browser.jar != first
    assert site.ask("/whoami", Cookie=f"runner-session={first['runner-session']}").status == 303
    assert len(rows(ledger, "SELECT id FROM sessions")) == 1


def test_a_session_ends_by_signing_out(site):
    browser = signed_in(site)
    secret = browser.jar["runner-session"]
    assert browser.ask("/sign-out", "POST", form={"csrf": "0" * 64}).status == 403
    assert browser.ask("/sign-out", "POST", form={"csrf": browser.csrf()}).status == 303
    assert browser.jar == {}
    assert site.ask("/whoami", Cookie=f"runner-session={secret}").status == 303


@pytest.mark.parametrize("seconds", [IDLE_SECONDS, LONGEST_SECONDS])
def test_a_session_ends_by_time(site, monkeypatch, seconds):
    browser = signed_in(site)
    later = SimpleNamespace(time=lambda: time.time() + seconds)
    monkeypatch.setattr(visitors, "time", later)
    assert browser.ask("/whoami").status == 303


def test_an_open_page_that_asks_for_events_keeps_no_session_alive(ledger, site, monkeypatch):
    browser = signed_in(site)
    monkeypatch.setattr(visitors, "time", SimpleNamespace(time=lambda: time.time() + 600))
    (before,) = rows(ledger, "SELECT seen_at FROM sessions")
    browser.ask("/whoami", Accept="text/event-stream")
    assert rows(ledger, "SELECT seen_at FROM sessions") == [before]
    browser.ask("/whoami")
    (after,) = rows(ledger, "SELECT seen_at FROM sessions")
    assert after["seen_at"] > before["seen_at"] + 500


@pytest.mark.parametrize("change", ["remove", "set_password", "set_role"])
def test_what_changes_about_a_user_holds_for_open_sessions_at_once(site, acts, change):
    browser = signed_in(site)
    values = {"remove": (), "set_password": (HASH,), "set_role": (Role.VIEWER,)}[change]
    getattr(acts, change)("ana", *values, time.time())
    answer = browser.ask("/whoami")
    if change == "set_role":
        assert '"role":"viewer"' in answer.body
    else:
        assert answer.status == 303


def test_wrong_names_and_passwords_get_the_same_answer(site):
    answers = [
        Browser(site).sign_in(name, password)
        for name, password in [
            ("ana", "wrong password"),
            ("nobody", PASSWORD),
            ("", ""),
            ("a\x00b", PASSWORD),
        ]
    ]
    assert {answer.status for answer in answers} == {401}
    pages = {re.sub(r'value="\w{64}"', "", answer.body) for answer in answers}
    assert len(pages) == 1
    assert "wrong" in pages.pop()


def test_an_unknown_name_is_checked_like_a_known_one(monkeypatch, site):
    checked = []
    monkeypatch.setattr(
        sign_in, "is_password", lambda given, stored: checked.append(stored) or is_password(given, stored)
    )
    Browser(site).sign_in("nobody", "wrong password")
    Browser(site).sign_in("ana", "wrong password")
    assert checked == ["", HASH]


@pytest.mark.parametrize("name", ["ana", "nobody"])
@pytest.mark.usefixtures("frozen")
def test_who_guesses_waits_whether_the_name_exists_or_not_also_after_a_restart(staffed, name):
    with private_site(staffed) as site:
        assert [Browser(site).sign_in(name, "wrong").status for _ in range(6)] == [401] * 5 + [429]
    with private_site(staffed) as site:
        waiting = Browser(site).sign_in(name)
        assert (waiting.status, waiting.headers["retry-after"]) == (429, "1")
        # Others are not held up, and a session goes on.
        assert Browser(site).sign_in("vic").status == 303


@pytest.mark.usefixtures("frozen")
def test_tries_at_the_same_moment_do_not_get_around_the_wait(site):
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: Browser(site).sign_in("ana", "wrong").status, range(10)))
    assert statuses.count(401) == 5
    assert set(statuses) == {401, 429}


def test_the_log_says_who_signed_in_and_from_where_somebody_failed(site):
    Browser(site).sign_in("ana", "my secret")
    Browser(site).sign_in("my secret")
    Browser(site).sign_in("ana")
    failed = "somebody failed to sign in from 127.0.0.1"
    assert site.sign_ins == [failed, failed, "ana signed in from 127.0.0.1"]


def test_names_that_were_typed_are_not_kept(ledger, site):
    Browser(site).sign_in("my secret password", "ana")
    assert "secret" not in str(rows(ledger, "SELECT * FROM sign_in_failures"))


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil"])
def test_nobody_is_sent_elsewhere_after_signing_in(site, after):
    assert Browser(site).sign_in(after=after).headers["location"] == "/"


def test_another_site_cannot_sign_somebody_in(site):
    form = {"name": "ana", "password": PASSWORD, "csrf": "", "next": "/"}
    assert site.ask("/sign-in", "POST", form=form).status == 403
    page = site.ask("/sign-in")
    form["csrf"] = re.search(r'name="csrf" value="(\w+)"', page.body)[1]
    # The form is good, but belongs to another browser.
    assert site.ask("/sign-in", "POST", form=form).status == 403
    assert Browser(site).sign_in(Origin="https://evil.example").status == 403


def test_the_token_of_a_form_is_that_of_its_session(site):
    mine, other = signed_in(site), signed_in(site)
    assert mine.csrf() != other.csrf()
    assert mine.ask("/act", "POST", form={"csrf": other.csrf()}).status == 403


def test_a_cookie_that_another_host_added_is_not_taken(site):
    browser = signed_in(site)
    both = f"runner-session={browser.jar['runner-session']}; runner-session=other"
    assert site.ask("/whoami", Cookie=both).status == 303


def test_who_follows_a_link_of_another_site_is_not_asked_to_sign_in_again(site):
    # A browser does not send the cookie then.
    answer = site.ask("/whoami?x=%22%3E%3Cscript%3E", Sec_Fetch_Site="cross-site")
    assert (answer.status, "location" in answer.headers) == (200, False)
    assert 'content="0; url=/whoami?x=%22%3E%3Cscript%3E"' in answer.body


def test_a_link_of_another_site_leads_to_no_other_site(site):
    answer = site.ask("//evil.example/whoami", Sec_Fetch_Site="cross-site")
    assert 'content="0; url=/"' in answer.body
    assert "evil" not in answer.body


def test_a_program_acts_as_the_user_of_its_token(site, acts):
    token = new_token()
    acts.add_token("ana", secret_hash(token), time.time())
    bearer = {"Authorization": f"Bearer {token}"}
    assert site.ask("/api/act", "POST", body="{}", **bearer).body == '{"actor":"ana"}'
    acts.set_role("ana", Role.VIEWER, time.time())
    assert site.ask("/api/act", "POST", body="{}", **bearer).status == 403
    acts.revoke_tokens("ana", time.time())
    refused = site.ask("/api/whoami", **bearer)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic YW5hOnB3", "Bearer wrong", "wrong"])
def test_other_credentials_are_refused_also_with_a_session(site, value):
    browser = signed_in(site)
    assert browser.ask("/whoami", Authorization=value).status == 401


def test_a_token_in_a_url_does_not_count(site, acts):
    token = new_token()
    acts.add_token("ana", secret_hash(token), time.time())
    assert site.ask(f"/api/whoami?token={token}&access_token={token}").status == 401


def test_a_proxy_names_people_and_runner_users_gives_them_their_role(staffed):
    with private_site(staffed, **PROXY) as site:
        assert '"name":"ANA","role":"operator"' in site.ask("/whoami", X_Remote_User="ANA").body
        stranger = Browser(site, X_Remote_User="zoe@example.org")
        assert '"role":"viewer"' in stranger.ask("/whoami").body
        assert stranger.ask("/act", "POST", form={"csrf": stranger.csrf()}).status == 403
        ana = Browser(site, X_Remote_User="ana")
        assert ana.ask("/act", "POST", form={"csrf": ana.csrf()}).status == 200
        assert ana.ask("/act", "POST", form={"csrf": stranger.csrf()}).status == 403


def test_a_person_whom_the_proxy_does_not_name_is_nobody(staffed):
    with private_site(staffed, **PROXY) as site:
        assert site.ask("/whoami").status == 401
        # People sign in at the proxy alone.
        assert site.ask("/sign-in").status == 404


@pytest.mark.parametrize("name", ["", " ", "a\u00adb", "x" * 200])
def test_a_name_that_makes_no_sense_is_refused(ledger, name):
    with private_site(ledger, **PROXY) as site:
        assert site.ask("/whoami", X_Remote_User=name.encode("latin-1")).status == 400


def test_two_names_are_refused(ledger):
    with private_site(ledger, **PROXY) as site:
        names = "X-Remote-User: ana\r\nx-remote-user: vic\r\n"
        head = f"GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{names}\r\n"
        assert site.send(head.encode()).startswith(b"HTTP/1.1 400 ")


def test_a_name_from_anywhere_else_is_refused(staffed):
    with private_site(staffed, user_header="X-Remote-User", trusted_proxies=("192.0.2.1",)) as site:
        refused = site.ask("/whoami", X_Remote_User="ana")
        assert (refused.status, "RUNNER_TRUSTED_PROXIES" in refused.body) == (403, True)
        # Nor may somebody claim to be the proxy.
        assert site.ask("/whoami", X_Remote_User="ana", X_Forwarded_For="192.0.2.1").status == 403


def test_other_machines_come_only_where_people_sign_in(ledger):
    with (
        pytest.raises(SettingsError, match="nobody has to sign in"),
        private_site(ledger, address="0.0.0.0:0"),
    ):
        pass
    UserActs(ledger.engine, "ops@desk").add("ana", Role.OPERATOR, HASH, time.time())
    with private_site(ledger, address="0.0.0.0:0") as site:
        # Nobody's browser takes a session to another name: any name may lead here.
        assert site.ask("/whoami", host="runner.internal:8026").status == 303
        UserActs(ledger.engine, "ops@desk").remove("ana", time.time())
        assert site.ask("/whoami").status == 303


def test_a_url_for_other_machines_is_refused_where_nobody_signs_in(ledger):
    with pytest.raises(SettingsError, match="nobody has to sign in"), private_site(ledger, **TLS):
        pass
    with private_site(ledger, private_url="http://localhost:8026") as site:
        assert site.ask("/whoami").status == 200


def test_a_url_for_other_machines_opens_nothing_when_the_last_user_is_removed(staffed, acts):
    with private_site(staffed, **TLS) as site:
        for name in ("ana", "vic"):
            acts.remove(name, time.time())
        assert site.ask("/whoami", host="runner.example.org").status != 200


def test_a_header_that_anybody_may_send_is_a_wrong_setting(ledger):
    with (
        pytest.raises(SettingsError, match="anybody could send"),
        private_site(ledger, user_header="X-Remote-User"),
    ):
        pass


def test_after_the_first_user_is_added_the_local_person_must_sign_in(ledger):
    with private_site(ledger) as site:
        assert site.ask("/whoami").status == 200
        UserActs(ledger.engine, "ops@desk").add("ana", Role.OPERATOR, HASH, time.time())
        assert site.ask("/whoami").status == 303


def test_pages_show_who_is_signed_in_and_offer_to_sign_out(staffed, monkeypatch):
    monkeypatch.setattr(private, "_PARTS", [site_pages.routes])
    with private_site(staffed) as site:
        browser = signed_in(site)
        page = browser.ask("/", Accept="text/html").body
        assert "<bdi>ana</bdi>" in page
        csrf = re.search(r'action="/sign-out"><input type="hidden" name="csrf" value="(\w+)"', page)[1]
        assert browser.ask("/sign-out", "POST", form={"csrf": csrf}).status == 303
        assert "Sign out" not in browser.ask("/sign-in").body
