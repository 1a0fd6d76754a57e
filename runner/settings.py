"""Settings and secrets: from the environment, a `.env` file and a secrets folder, in this order.

`.env` is read from the user's config folder or the file that RUNNER_ENV_FILE names, never from the work
tree: a campaign changed in a pull request must not change where calls go.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from platformdirs import user_data_path, user_state_path
from pydantic import Field, SecretStr, ValidationError, create_model, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runner.contacts.sources.context import Connection, setting_of
from runner.errors import SettingsError
from runner.setting_files import default_env_file

PREFIX = "RUNNER_"
DEFAULT_BASE_URL = "https://insight.plumvoice.com/api"
_LOOPBACK = "loopback"
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_HEADERS_OF_CLIENTS = {"authorization", "cookie", "host", "origin", "user-agent"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite ledger at this absolute path, which may hold characters special to a URL."""
    return f"sqlite:///{quote(str(path))}"


def _default_ledger_url() -> str:
    return sqlite_url(user_data_path("runner") / "ledger.sqlite3")


class _FromEnvironment(BaseSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class Settings(_FromEnvironment):
    """What the environment decides. Every field is a variable with the prefix RUNNER_."""

    insight_username: str = ""
    insight_developer_key: SecretStr = SecretStr("")
    insight_base_url: str = DEFAULT_BASE_URL
    ledger_url: str = Field(default_factory=_default_ledger_url)
    requests_per_second: float = Field(5, gt=0, le=1000)
    max_in_flight: int = Field(8, ge=1, le=64)
    accept: Literal["json", "xml"] = "json"
    privacy_key: SecretStr = SecretStr("")
    public_url: str = ""
    receiver_listen: str = "127.0.0.1:8027"
    listen: str = "127.0.0.1:8026"
    private_url: str = ""
    user_header: str = ""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    data_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    rules: Path | None = None
    policy_file: Path | None = None
    approval: Literal["person", "merge"] = "person"
    log: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("data_roots", mode="before")
    @classmethod
    def _split_paths(cls, value: Any) -> Any:  # noqa: ANN401 - a validator sees whatever was given
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _read_networks(cls, value: Any) -> Any:  # noqa: ANN401 - as above
        parts = value.split(",") if isinstance(value, str) else value
        try:
            return tuple(ipaddress.ip_network(part.strip()) for part in parts if part.strip())
        except ValueError:
            raise ValueError("must be addresses or networks, such as 127.0.0.1,10.0.0.0/8") from None

    @field_validator("user_header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if value and (not _HEADER.fullmatch(value) or value.lower() in _HEADERS_OF_CLIENTS):
            raise ValueError("must be the name of a header that the proxy alone sets, such as X-Remote-User")
        return value

    @field_validator("privacy_key")
    @classmethod
    def _strong_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 16:  # noqa: PLR2004 - said in the message
            raise ValueError("must have at least 16 characters")
        return value


def load_settings() -> Settings:
    """Raises SettingsError with one line for each variable that is wrong; never shows a value."""
    return _load(Settings)


def connection(name: str) -> Connection:
    """The connection of this name, from RUNNER_CONNECTION_NAME and RUNNER_CONNECTION_NAME_TOKEN, which may be
    wherever other settings are. Raises SettingsError where it is not set.
    """
    field = setting_of(name).removeprefix(PREFIX).lower()
    secret = (SecretStr, SecretStr(""))
    names: dict[str, Any] = {field: secret, f"{field}_token": secret}
    found = _load(create_model("ConnectionSettings", __base__=_FromEnvironment, **names))
    url, token = (getattr(found, each).get_secret_value().strip() for each in names)
    if not url:
        raise SettingsError(
            f"{setting_of(name)} is not set, and the campaign uses the connection `{name}`",
            hint=f"set it in the environment or in {default_env_file()}: the address of the database or API",
        )
    return Connection(name, url, token)


_Settings = TypeVar("_Settings", bound=BaseSettings)


def _load(settings: type[_Settings]) -> _Settings:
    env_file = _env_file()
    secrets = os.environ.get(f"{PREFIX}SECRETS_DIR")
    if secrets is not None and not Path(secrets).is_dir():
        raise SettingsError(f"RUNNER_SECRETS_DIR names {secrets}, which is not a directory")
    try:
        return settings(_env_file=env_file, _secrets_dir=secrets)
    except ValidationError as error:
        problems = [f"{PREFIX}{str(e['loc'][0]).upper()}: {_plain(e)}" for e in error.errors()]
        raise SettingsError("\n".join(problems), hint="see 'Settings' in README.md") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings cannot be read: {error}") from None


def require_credentials(settings: Settings) -> None:
    """Raises SettingsError when the account or its key is missing."""
    missing = [
        f"{PREFIX}{name}"
        for name, value in (
            ("INSIGHT_USERNAME", settings.insight_username),
            ("INSIGHT_DEVELOPER_KEY", settings.insight_developer_key.get_secret_value()),
        )
        if not value
    ]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            hint=f"set them in the environment or in {default_env_file()}; "
            "to try a campaign without an account, add --sandbox",
        )


def validate_base_url(url: str) -> str:
    """The base URL without a trailing slash. Raises SettingsError: https only, plain http to loopback."""
    parts = _split_url(url)
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            "RUNNER_INSIGHT_BASE_URL holds credentials",
            hint="put them into RUNNER_INSIGHT_USERNAME and RUNNER_INSIGHT_DEVELOPER_KEY",
        )
    if "?" in url or "#" in url:
        raise SettingsError("RUNNER_INSIGHT_BASE_URL ends in a query or fragment", hint="remove that part")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            "RUNNER_INSIGHT_BASE_URL is plain http, which would show the developer key to the network",
            hint="write https://; plain http is allowed to this machine only",
        )
    return url.rstrip("/")


def validate_public_url(url: str) -> str:
    """Where Insight posts results, without a trailing slash. Raises SettingsError as above."""
    parts = _split_url(url, "RUNNER_PUBLIC_URL", "https://results.example.org")
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise SettingsError(
            "RUNNER_PUBLIC_URL holds credentials, a query or a fragment", hint="remove that part"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            "RUNNER_PUBLIC_URL is plain http, which would show the tokens of results to the network",
            hint="write https://; plain http is allowed to this machine only",
        )
    return url.rstrip("/")


def validate_private_url(url: str) -> str:
    """Where people reach the pages of serve, without a trailing slash. Raises SettingsError as above."""
    parts = _split_url(url, "RUNNER_PRIVATE_URL", "https://runner.example.org")
    if (
        parts.username is not None
        or parts.password is not None
        or parts.path.strip("/")
        or set(url) & set("?#")
    ):
        raise SettingsError(
            "RUNNER_PRIVATE_URL holds more than a scheme and a host",
            hint="write it as in https://runner.example.org",
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            "RUNNER_PRIVATE_URL is plain http, which would show passwords to the network",
            hint="write https://, and have a proxy with TLS lead to RUNNER_LISTEN",
        )
    return url.rstrip("/")


def origin(url: str) -> str:
    """Scheme, host and port; all loopback origins count as one, since test servers change their port."""
    parts = _split_url(url)
    host = parts.hostname or ""
    if _is_loopback(host):
        return _LOOPBACK
    port = f":{parts.port}" if parts.port not in {None, 443} else ""
    return f"{parts.scheme}://{host}{port}"


def _split_url(
    url: str, variable: str = "RUNNER_INSIGHT_BASE_URL", example: str = DEFAULT_BASE_URL
) -> SplitResult:
    wrong = SettingsError(f"{variable} is not a valid web address", hint=f"write it as in {example}")
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            # urlsplit quietly drops some of these, httpx does not.
            and not any(c.isspace() or not c.isprintable() for c in url)
        )
    except ValueError:
        raise wrong from None
    if not usable:
        raise wrong
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ledger_states_folder() -> Path:
    """Where this machine keeps the state files of ledgers: apart from them, so that no backup holds both."""
    return user_state_path("runner") / "ledgers"


def job_summary() -> Path | None:
    """The file that GitHub Actions shows as the summary of a job; None elsewhere."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None


def _env_file() -> Path:
    named = os.environ.get(f"{PREFIX}ENV_FILE")
    if named is None:
        return default_env_file()
    if not Path(named).is_file():
        raise SettingsError(f"RUNNER_ENV_FILE names {named}, which is not a readable file")
    return Path(named)


def _plain(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails is a TypedDict of anything
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "must be").replace("'", '"')
