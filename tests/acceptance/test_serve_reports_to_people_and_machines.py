"""What `runner serve` reports: notifications, metrics, and a log that programs read."""

import json
import signal
import socket
import urllib.request
from urllib.parse import urlsplit

from json_forms import check_form
from shell import end
from web_hooks import Hook

from campaigns import campaign_yaml, contacts_csv

NOTIFY = "notify: [{connection: chat, on: [waiting_for_approval, finished]}]\n"


def test_serve_reports_once_though_it_is_killed_and_all_that_it_prints_is_json(customer):
    customer.write("campaigns/clinic.yaml", campaign_yaml(name="clinic", more=NOTIFY))
    customer.write("campaigns/contacts.csv", contacts_csv(3))
    customer.environment |= {"RUNNER_LOG": "json", "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0"}
    with Hook([503]).listening() as hook:
        customer.environment["RUNNER_CONNECTION_CHAT"] = hook.url
        serving = customer.start("serve", "campaigns")
        said = read_until(serving, lambda line: line["event"] == "NotificationFailed")
        end(serving)

        serving = customer.start("serve", "campaigns")
        said += read_until(serving, lambda line: line.get("status") == "waiting_for_approval")
        pages, results = (address(said, words) for words in ("showing campaigns on", "taking results on"))
        for port in (pages, results):
            with socket.create_connection(("127.0.0.1", port)) as broken:
                broken.sendall(b"no HTTP at all\r\n\r\n")
                broken.recv(1024)
        hook.wait_for(2)
        with urllib.request.urlopen(f"http://127.0.0.1:{pages}/metrics") as answer:
            metrics = answer.read().decode()
        serving.send_signal(signal.SIGTERM)
        _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    assert 'runner_campaigns{status="waiting_for_approval"} 1.0' in metrics
    assert hook.events == ["waiting_for_approval"]
    said += [json.loads(line) for line in errors.splitlines()]
    check_form("log", *said)
    assert "Invalid HTTP request received." in {
        line["message"] for line in said if line["event"] == "Library"
    }
    assert said[-1]["message"] == "0 callbacks taken"


def test_an_error_that_ends_serve_is_the_last_json_line(customer):
    customer.environment |= {"RUNNER_LOG": "json", "RUNNER_RECEIVER_LISTEN": "not an address"}
    done = customer.run("serve")
    (line,) = map(json.loads, done.stderr.splitlines())
    check_form("log", line)
    assert (done.returncode, line["event"], line["level"]) == (1, "Failed", "error")
    assert "RUNNER_RECEIVER_LISTEN is not an address and a port" in line["message"]


def read_until(process, condition):
    said = []
    for line in process.stderr:
        said.append(json.loads(line))
        if condition(said[-1]):
            return said
    raise AssertionError(f"never said: {said}")


def address(said, words):
    """The port in the newest line that says so."""
    (*_, url) = (line["message"] for line in said if line["message"].startswith(words))
    return urlsplit(url.removeprefix(f"{words} ").split(",")[0]).port
