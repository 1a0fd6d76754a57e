"""Posts a notification to the address of a connection."""

import json
from collections.abc import Mapping

from runner.contacts.sources.context import Connection
from runner.contacts.sources.web import check_address, client, explained, headers, origin, peer_check
from runner.errors import SourceError

SECONDS = 10
"""For each step of the exchange."""


def post(connection: Connection, body: Mapping[str, object], *, never: str) -> None:
    """Raises RunnerError unless the server accepted it. Its answer is not read. `never` is the base URL of
    Insight, where a post could queue calls.
    """
    name = f"connection {connection.name}"
    check_address(connection, name, may_have_query=True)
    if origin(connection.url) == origin(never):
        raise SourceError(
            f"{name}: {connection.setting} leads to Insight", hint="write the address of the webhook"
        )
    content = json.dumps(body, ensure_ascii=False).encode()
    sent = {**headers(connection), "Content-Type": "application/json"}
    check = {"trace": peer_check(connection, name)}
    with (
        explained(name, connection),
        client(SECONDS) as web,
        web.stream("POST", connection.url, content=content, headers=sent, extensions=check) as response,
    ):
        if response.is_redirect:
            raise SourceError(
                f"{name}: the server redirects to another address, which is not followed",
                hint=f"write the final address in {connection.setting}",
            )
        if not response.is_success:
            raise SourceError(
                f"{name}: the server answered {response.status_code}",
                hint=f"check {connection.setting} and {connection.setting}_TOKEN",
            )
