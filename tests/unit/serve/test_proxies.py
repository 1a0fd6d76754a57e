"""What is believed of X-Forwarded-For, and of whom."""

from ipaddress import ip_network

import pytest

from runner.serve.proxies import client_address, is_name, is_trusted

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")]


@pytest.mark.parametrize("peer", ["10.1.2.3", "127.0.0.1", "fd00::1", "::ffff:10.1.2.3"])
def test_a_proxy_that_is_named_is_trusted(peer):
    assert is_trusted(peer, TRUSTED)


@pytest.mark.parametrize(
    "peer", ["", "11.0.0.1", "127.0.0.2", "::1", "10.1.2.3.evil.example", "::ffff:11.0.0.1"]
)
def test_nobody_else_is_trusted(peer):
    assert not is_trusted(peer, TRUSTED)
    assert not is_trusted("10.1.2.3", [])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        # What the client itself sent stands first, and is not believed.
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer, forwarded, client):
    assert client_address(peer, forwarded, TRUSTED) == client


@pytest.mark.parametrize("name", ["ana", "Ana Müller", "ana@example.org", "CORP\\ana"])
def test_a_proxy_may_name_people_as_it_knows_them(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "a\x00b", "a\u202eb", "a\nb", "x" * 129])
def test_what_cannot_be_shown_is_not_a_name(name):
    assert not is_name(name)
