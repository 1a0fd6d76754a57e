"""Which host names a loopback address answers to."""

import pytest

from runner.serve.hosts import is_expected, is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8026", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8026", "127.8.9.10:80"]
)
def test_loopback_hosts_are_expected(host):
    assert is_expected(host, "")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8026",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example@127.0.0.1.nip.io",
        "0.0.0.0:8026",
        "192.168.0.7",
        "[::1",
        "2130706433",
        "runner.example.org.evil.example",
    ],
)
def test_other_hosts_are_not_expected(host):
    assert not is_expected(host, "https://runner.example.org")


@pytest.mark.parametrize("host", ["runner.example.org", "RUNNER.example.org:443"])
def test_the_host_of_the_private_url_is_expected(host):
    assert is_expected(host, "https://runner.example.org")
    assert not is_expected(host, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_recognized(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_what_other_machines_reach_is_not_loopback(host):
    assert not is_loopback(host)
