"""Settings of the private address: what is wrong is said in one line."""

from ipaddress import ip_network

import pytest

from runner.errors import SettingsError
from runner.settings import load_settings, validate_private_url


@pytest.fixture(autouse=True)
def no_other_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)


def test_trusted_proxies_are_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("RUNNER_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,fd00::/8,")
    trusted = load_settings().trusted_proxies
    assert trusted == tuple(map(ip_network, ("127.0.0.1/32", "10.0.0.0/8", "fd00::/8")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "proxy.example.org"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("USER_HEADER", "Cookie"),
        ("USER_HEADER", "authorization"),
        ("USER_HEADER", "X-User: ana"),
        ("USER_HEADER", "X_Remote_User"),
    ],
)
def test_a_wrong_value_is_one_line_that_does_not_show_it(monkeypatch, name, value):
    monkeypatch.setenv(f"RUNNER_{name}", value)
    with pytest.raises(SettingsError, match=f"RUNNER_{name}: must be") as found:
        load_settings()
    assert len(found.value.message.splitlines()) == 1
    assert value not in found.value.message


@pytest.mark.parametrize("url", ["https://runner.example.org", "https://a:8443/", "http://localhost:8026"])
def test_the_private_url_is_that_of_a_host(url):
    assert validate_private_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://runner.example.org",
        "https://runner.example.org/pages",
        "https://ana@runner.example.org",
        "https://runner.example.org?x",
        "runner.example.org",
    ],
)
def test_another_private_url_is_refused(url):
    with pytest.raises(SettingsError, match="RUNNER_PRIVATE_URL"):
        validate_private_url(url)
