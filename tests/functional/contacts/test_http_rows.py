"""Records of a real server on this machine."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.campaign.source_models import HttpSource
from runner.cli import run
from runner.contacts.sources import http, web
from runner.contacts.sources.context import Connection, ReadContext
from runner.contacts.sources.file import SourceFolder
from runner.errors import SourceContentError, SourceError

JSON, JSON_LINES, CSV = "application/json", "application/x-ndjson", "text/csv; charset=utf-8"
ANN, BOB = {"id": "1", "phone": "617 555 0101"}, {"id": "2", "phone": "617 555 0102"}

CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - type: http
      connection: crm
      path: /people
      records: items
      next: links.nxt
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows:
  weekly: {mon-fri: "9:15-17:45"}
caller_id: "+16175550100"
"""


class Api:
    """Answers each path with what the test put there, and keeps the requests."""

    def __init__(self):
        self.answers = {}
        self.requests = []

    def put(self, path, content, kind=JSON, status=200, **headers):
        body = content if isinstance(content, bytes) else content.encode()
        self.answers[path] = status, {"Content-Type": kind, **headers}, body

    def put_json(self, path, content, **headers):
        self.put(path, json.dumps(content), **headers)


@contextmanager
def serving(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            api.requests.append((self.path, self.headers))
            status, headers, body = api.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/api"
        finally:
            server.shutdown()


@pytest.fixture
def api():
    api = Api()
    with serving(api) as api.url:
        yield api


def source(url, path="/people", used=None, token="s3cret", **options):
    declared = HttpSource(type="http", connection="crm", path=path, **options)
    return http.HttpRecords(
        declared,
        ReadContext(
            folder=SourceFolder(Path(__file__)),
            used=used,
            connections=lambda name: Connection(name, url, token),
        ),
    )


def read(url, *arguments, **options):
    return [(row.line, dict(row.values)) for row in source(url, *arguments, **options).rows()]


def test_a_list_of_objects_is_read_with_numbers_as_they_are_written(api):
    api.put("/api/people", '[{"id": 6175550101, "score": 2.50, "ok": true, "none": null}]')
    assert read(api.url) == [(1, {"id": "6175550101", "score": "2.50", "ok": True, "none": None})]


def test_the_token_is_sent_as_bearer(api):
    api.put_json("/api/people", [ANN])
    read(api.url)
    ((_, headers),) = api.requests
    assert headers["Authorization"] == "Bearer s3cret"


def test_records_and_next_are_found_by_their_paths_over_all_pages(api):
    api.put_json("/api/people?page=1", {"data": {"items": [ANN]}, "links": {"next": "/api/people?page=2"}})
    api.put_json("/api/people?page=2", {"data": {"items": [BOB]}, "links": {"next": None}})
    found = read(api.url, "/people?page=1", records="data.items", next="links.next")
    assert found == [(1, ANN), (2, BOB)]


@pytest.mark.parametrize("page", [{}, {"links": {}}, {"links": {"next": None}}, {"links": None}])
def test_a_next_that_is_on_no_page_is_warned_of(api, page):
    api.put_json("/api/people", {"items": [ANN], **page})
    found = source(api.url, records="items", next="links.nxt")
    assert len(list(found.rows())) == 1
    (notice,) = found.notices
    assert (notice.code, notice.key) == ("next_not_found", "next")
    assert "`next` (links.nxt) was found on no page, so only the first was read" in notice.message


def test_a_plan_warns_at_the_line_of_next(api, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("RUNNER_CONNECTION_CRM", api.url)
    api.put_json("/api/people", {"items": [ANN], "links": {"next": "/api/people?page=2"}})
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(CAMPAIGN)
    assert run(["plan", str(campaign), "--output", "json"]) == 0
    (warning,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert (warning["code"], warning["line"]) == ("next_not_found", 10)
    campaign.write_text(f"{CAMPAIGN}silence: {{next_not_found: the list has one page}}\n")
    assert run(["plan", str(campaign), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["diagnostics"] == []


@pytest.mark.parametrize("last", [None, ""])
def test_a_first_page_that_is_the_last_by_its_next_is_not_warned_of(api, last):
    api.put_json("/api/people", {"items": [ANN], "links": {"next": last}})
    found = source(api.url, records="items", next="links.next")
    assert len(list(found.rows())) == 1
    assert found.notices == []


def test_a_last_page_without_next_is_not_warned_of(api):
    api.put_json("/api/people", {"items": [ANN], "next": "/api/people?page=2"})
    api.put_json("/api/people?page=2", {"items": [BOB]})
    found = source(api.url, records="items", next="next")
    assert len(list(found.rows())) == 2
    assert found.notices == []


def test_a_link_header_leads_to_the_next_page(api):
    api.put_json("/api/people", [ANN], Link='<?page=2>; rel="next", </api/people>; rel="first"')
    api.put_json("/api/people?page=2", [BOB])
    assert read(api.url) == [(1, ANN), (2, BOB)]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"id": "1", "phone": "617 555 0101"}\n\n{"id": "2", "phone": "617 555 0102"}\n', JSON_LINES),
        ("id,phone\r\n1,617 555 0101\r\n2,617 555 0102\r\n", CSV),
        (json.dumps([ANN, BOB]), "application/vnd.api+json; charset=utf-8"),
    ],
)
def test_json_lines_csv_and_kinds_of_json_are_known_by_their_content_type(api, content, kind):
    api.put("/api/people", content, kind)
    assert read(api.url) == [(1, ANN), (2, BOB)]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://localhost:{port}/api/people",
        "http://127.0.0.1:1/api/people",
        "//example.org/people",
        "https://127.0.0.1:{port}/api/people",
        "http://ann@127.0.0.1:{port}/api/people?page=2",
        "file:///etc/passwd",
    ],
)
def test_a_next_page_at_another_origin_is_not_asked_for(api, elsewhere):
    port = api.url.rpartition(":")[2].partition("/")[0]
    api.put_json("/api/people", {"items": [ANN], "next": elsewhere.format(port=port)})
    with pytest.raises(SourceError, match="the next page is at another address"):
        read(api.url, records="items", next="next")
    assert len(api.requests) == 1


def test_a_redirect_is_not_followed(api):
    api.put("/api/people", "", status=302, Location=f"{api.url}/others")
    with pytest.raises(SourceError, match="redirects to another address"):
        read(api.url)
    assert len(api.requests) == 1


@pytest.mark.parametrize("second", [{"page": 3}, {"page": 2}])
def test_pages_that_repeat_are_an_error(api, second):
    api.put_json("/api/people?page=1", {"items": [ANN], "next": "?page=2"})
    api.put_json("/api/people?page=2", {"items": [ANN], "next": f"?page={second['page']}"})
    api.put_json("/api/people?page=3", {"items": [ANN], "next": "?page=3"})
    with pytest.raises(SourceError, match="repeats an earlier page"):
        read(api.url, "/people?page=1", records="items", next="next")


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "RUNNER_CONNECTION_CRM_TOKEN"),
        (404, "check `path`"),
        (429, "fewer requests"),
        (500, "check the API"),
    ],
)
def test_an_answer_of_another_status_is_an_error_that_says_what_to_do(api, status, hint):
    api.put("/api/people", "s3cret", status=status)
    with pytest.raises(SourceError, match=f"the server answered {status}") as raised:
        read(api.url)
    assert hint in raised.value.hint
    assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        ("{", JSON, "page 1: the answer is not valid JSON"),
        ('{"items": 1}', JSON, "page 1: the answer has no list of records at its top"),
        ('[{"id": 1}, 2]', JSON, "record 2 of page 1: it is not a JSON object"),
        ('[{"id": "a\\u0000"}]', JSON, "record 1 of page 1: it contains an invalid character"),
        ('{"id": 1}\n{', JSON_LINES, "page 1: line 2: invalid JSON"),
        ("<html>", "text/html", "the answer is text/html, not JSON"),
        (b"\xff", JSON, "the answer is not valid utf-8"),
        ("id,phone\n1\n", CSV, "has 1 field"),
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(api, content, kind, problem):
    api.put("/api/people", content, kind)
    with pytest.raises(SourceContentError, match=problem):
        read(api.url)


def test_answers_are_bounded_in_size_and_number(api, monkeypatch):
    api.put_json("/api/people", [ANN] * 100, Link='<?page=2>; rel="next"')
    monkeypatch.setattr(http, "MOST_BYTES_OF_A_PAGE", 1000)
    with pytest.raises(SourceError, match="a page has more than"):
        read(api.url)
    monkeypatch.setattr(http, "MOST_BYTES_OF_A_PAGE", 100_000)
    monkeypatch.setattr(http, "MOST_PAGES", 1)
    with pytest.raises(SourceError, match="there are more than 1 pages"):
        read(api.url)
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="the answers have more than"):
        read(api.url)


def test_a_compressed_answer_is_refused_before_it_is_unpacked(api):
    api.put("/api/people", b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="the answer is compressed"):
        read(api.url)


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(http, "PAGE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceError, match="no answer in time"):
            read(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://crm.example.org", "is plain http"),
        ("https://ann:s3cret@crm.example.org", "holds credentials"),
        ("https://crm.example.org?key=s3cret", "is not a URL that can be used"),
        ("ftp://crm.example.org", "is not a URL that can be used"),
        ("crm.example.org", "is not a URL that can be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_an_error_without_its_secrets(url, problem):
    with pytest.raises(SourceError, match=f"RUNNER_CONNECTION_CRM {problem}") as raised:
        read(url)
    assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"


def test_a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent(api, monkeypatch):
    port = int(api.url.rpartition(":")[2].partition("/")[0])
    lookup = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, _port, *rest, **more: lookup("127.0.0.1", port, *rest, **more)
    )
    with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1, a loopback"):
        read(f"https://crm.example.org:{port}")
    assert api.requests == []


class Stream:
    """A connection that was made to `peer`."""

    def __init__(self, peer):
        self.peer = peer
        self.is_open = True

    def get_extra_info(self, _name):
        return (self.peer, 443)

    def close(self):
        self.is_open = False


def check_peer(url, stream):
    check = web.peer_check(Connection("crm", url, ""), "http:crm/people")
    check("connection.connect_tcp.complete", {"return_value": stream})


@pytest.mark.parametrize(
    "peer", ["10.0.0.7", "172.16.3.4", "192.168.1.9", "100.64.0.1", "fd12::7", "93.184.215.14"]
)
def test_the_host_of_a_connection_may_be_in_an_intranet(peer):
    check_peer("https://crm.corp.example", Stream(peer))


@pytest.mark.parametrize(
    "peer",
    ["127.0.0.1", "127.8.8.8", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "::ffff:169.254.169.254"],
)
def test_a_name_may_not_lead_to_loopback_or_link_local_addresses(peer):
    stream = Stream(peer)
    with pytest.raises(SourceError, match="loopback, link-local or multicast address"):
        check_peer("https://crm.example.org", stream)
    assert not stream.is_open


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.7.7", "[::1]"])
def test_a_setting_may_name_a_loopback_or_link_local_address_itself(host):
    check_peer(f"https://{host}", Stream(host.strip("[]")))


def test_the_digest_follows_from_the_records(api):
    api.put_json("/api/people", [ANN, BOB])
    before = source(api.url).digest()
    assert source(api.url).digest() == before
    api.put_json("/api/people", [ANN])
    assert source(api.url).digest() != before
