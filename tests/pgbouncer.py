"""A real PgBouncer for tests, between a client and a PostgreSQL server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

PORT = 6432
PATIENCE_SECONDS = 30


@contextmanager
def pooler(server_url: str, mode: str, **settings: object) -> Iterator[str]:
    """The URL of the database behind a PgBouncer that ends with the block.

    `mode` is one of `session`, `transaction` and `statement`. It drops startup options, unless `settings`
    say otherwise, and shares few server connections, so that clients meet each other on them. Where there is
    no PgBouncer the test is skipped; with RUNNER_TESTS_NEED_PGBOUNCER it fails.
    """
    server = make_url(server_url)
    # A socket's path may have about a hundred characters; pytest's own folders are longer.
    with tempfile.TemporaryDirectory(prefix="pgb-") as folder:
        # It refuses to run as root. As the server's own user it reaches the server's socket.
        Path(folder).chmod(0o777)
        process = subprocess.Popen(
            [_program(), _write_settings(Path(folder), server, mode, settings)],
            user=Path(server.query["host"]).stat().st_uid if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = server.set(query={"host": folder, "port": str(PORT)})
            _wait_until_it_listens(Path(folder), process)
            yield url.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _program() -> str:
    # Debian keeps it where users do not look for programs.
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        lacking = "no PgBouncer: install one (apt-get install pgbouncer)"
        if os.environ.get("RUNNER_TESTS_NEED_PGBOUNCER"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


def _write_settings(folder: Path, server: URL, mode: str, settings: dict[str, object]) -> Path:
    chosen = {
        "pool_mode": mode,
        "default_pool_size": 2,
        "ignore_startup_parameters": "options",
        "server_login_retry": 1,
        # Everybody who reaches the socket is the user of the URL.
        "auth_type": "any",
        "listen_addr": "",
        "listen_port": PORT,
        "unix_socket_dir": folder,
        "logfile": folder / "log",
    } | settings
    lines = [f"{name} = {value}" for name, value in chosen.items()]
    database = f"{server.database} = host={server.query['host']} user={server.username}"
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
    return file


def _wait_until_it_listens(folder: Path, process: subprocess.Popen[bytes]) -> None:
    socket = folder / f".s.PGSQL.{PORT}"
    while not socket.exists():
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError((folder / "log").read_text())
