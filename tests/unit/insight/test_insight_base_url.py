"""Where the client may send to, and which addresses are the same place."""

import pytest

from runner.errors import SettingsError
from runner.settings import origin, validate_base_url


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://insight.plumvoice.com/api", "https://insight.plumvoice.com/api"),
        ("https://insight.plumvoice.com/api//", "https://insight.plumvoice.com/api"),
        ("https://insight.plumvoice.com:8443", "https://insight.plumvoice.com:8443"),
        ("http://127.0.0.1:8765/api", "http://127.0.0.1:8765/api"),
        ("http://127.8.9.10/api", "http://127.8.9.10/api"),
        ("http://localhost/api", "http://localhost/api"),
        ("http://[::1]:8765/api", "http://[::1]:8765/api"),
    ],
)
def test_https_anywhere_and_http_to_loopback_are_good(url: str, used: str) -> None:
    assert validate_base_url(url) == used


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://insight.plumvoice.com/api", "plain http"),
        ("http://192.168.1.10/api", "plain http"),
        ("http://127.0.0.1.example.org/api", "plain http"),
        ("http://localhost.example.org/api", "plain http"),
        ("http://0.0.0.0/api", "plain http"),
        ("https://me:secret-key@insight.plumvoice.com/api", "credentials"),
        ("https://@insight.plumvoice.com/api", "credentials"),
        ("https://insight.plumvoice.com/api?key=secret-key", "query"),
        ("https://insight.plumvoice.com/api?", "query"),
        ("https://insight.plumvoice.com/api#a", "fragment"),
        ("https://insight.plumvoice.com/api#", "fragment"),
        ("insight.plumvoice.com/api", "not a valid web address"),
        ("ftp://insight.plumvoice.com/api", "not a valid web address"),
        ("https:///api", "not a valid web address"),
        ("https://insight.plumvoice.com:0/api", "not a valid web address"),
        ("https://insight.plumvoice.com:99999/api", "not a valid web address"),
        ("https://insight.plumvoice.com:x/api", "not a valid web address"),
        ("https://[::1/api", "not a valid web address"),
        ("https://insight.plumvoice.com/api ", "not a valid web address"),
        ("https://insight.plumvoice.com/api\n", "not a valid web address"),
        ("https://insight.\nplumvoice.com/api", "not a valid web address"),
        ("", "not a valid web address"),
    ],
)
def test_any_other_address_is_refused_without_showing_it(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        validate_base_url(url)
    assert caught.value.hint
    assert "secret-key" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://insight.plumvoice.com/api", "https://insight.plumvoice.com"),
        ("https://Insight.PlumVoice.com:443/other", "https://insight.plumvoice.com"),
        ("https://insight.plumvoice.com:8443/api", "https://insight.plumvoice.com:8443"),
        ("http://127.0.0.1:8765/api", "loopback"),
        ("https://localhost:1/api", "loopback"),
        ("http://[::1]:5/api", "loopback"),
    ],
)
def test_an_origin_is_scheme_host_and_port_and_every_loopback_is_one(url: str, expected: str) -> None:
    assert origin(url) == expected
