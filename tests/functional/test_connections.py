import pytest

from runner.errors import SettingsError
from runner.settings import connection


@pytest.fixture(autouse=True)
def _own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_connection_is_named_by_its_settings(monkeypatch):
    monkeypatch.setenv("RUNNER_CONNECTION_SALES_CRM", "https://crm.example.org")
    monkeypatch.setenv("RUNNER_CONNECTION_SALES_CRM_TOKEN", "s3cret")
    found = connection("sales-crm")
    assert (found.url, found.token) == ("https://crm.example.org", "s3cret")
    assert repr(found) == "Connection(sales-crm)"


def test_its_settings_may_be_where_other_settings_are(monkeypatch, tmp_path):
    (tmp_path / "runner.env").write_text("RUNNER_CONNECTION_CRM=https://crm.example.org\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "runner_connection_crm_token").write_text("s3cret\n")
    monkeypatch.setenv("RUNNER_ENV_FILE", str(tmp_path / "runner.env"))
    monkeypatch.setenv("RUNNER_SECRETS_DIR", str(tmp_path / "secrets"))
    assert connection("crm")[1:] == ("https://crm.example.org", "s3cret")


def test_without_its_setting_the_error_names_it():
    with pytest.raises(SettingsError, match="RUNNER_CONNECTION_SALES_CRM is not set"):
        connection("sales-crm")
