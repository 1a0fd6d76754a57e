"""Records of a web API: JSON, JSON lines or CSV, page after page.

The campaign file names a path, and the answers name the next page; address and token are settings. So that
neither leads elsewhere, everything stays at the origin of the setting, as `web` says.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from runner.campaign.source_models import HttpRows
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row
from runner.contacts.sources.context import Connection, ReadContext
from runner.contacts.sources.csv import table_rows
from runner.contacts.sources.file import Lines
from runner.contacts.sources.jsonl import BadObjectError, checked_object, json_value
from runner.contacts.sources.remote import RemoteSource
from runner.contacts.sources.source import Notice
from runner.contacts.sources.web import check_address, client, explained, headers, origin, peer_check
from runner.errors import SourceContentError, SourceError

if TYPE_CHECKING:
    import httpx

PAGE_SECONDS = 60
"""For one page, from the connection to the last byte."""
ALL_SECONDS = 1800
"""For all pages of one reading."""
MOST_BYTES_OF_A_PAGE = 64 << 20
MOST_BYTES = 2 << 30
MOST_PAGES = 10_000
_JSON_LINES = {
    "application/x-ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
}
_ACCEPT = "application/json, application/x-ndjson, text/csv"
_ADVICE = {
    401: "set the token of the connection: {setting}_TOKEN",
    403: "the token of the connection may not read this: {setting}_TOKEN",
    404: "check `path`, and {setting}",
    429: "the server asks for fewer requests; try again later",
}


class HttpRecords(RemoteSource):
    """Lines are the records of all pages, from 1."""

    def __init__(self, declared: HttpRows, context: ReadContext) -> None:
        super().__init__(declared, context)
        self._declared = declared

    def _read(self, note: Callable[[bytes], object]) -> Iterator[Row]:
        connection = self._connection()
        check_address(connection, self.name)
        line = 0
        page: _Page | None = None
        with client(PAGE_SECONDS) as web:
            for page in _Pages(web, connection, self._declared).read():
                for line, values in enumerate(self._records(page), start=line + 1):  # noqa: B020 - it goes on on the next page
                    note(json.dumps(values, sort_keys=True).encode())
                    yield Row(source=self.name, line=line, values=values)
        if page is not None and page.number == 1 and page.lacks_next:
            self.notices.append(_next_not_found(self._declared))

    def _records(self, page: "_Page") -> Iterator[Mapping[str, object]]:
        if page.kind == "csv":
            lines = Lines(io.StringIO(page.text, newline=""))
            rows = table_rows(lines, self.name, self._context.used, self.notices)
            yield from (row.values for row in rows)
            return
        for number, record in enumerate(page.records, start=1):
            try:
                yield checked_object(record)
            except BadObjectError as error:
                message = f"{self.name}: record {number} of page {page.number}: {error}"
                raise SourceContentError(message, hint="each record must be one JSON object") from None


def _next_not_found(declared: HttpRows) -> Notice:
    message = f"{declared.name}: `next` ({declared.next}) was found on no page, so only the first was read"
    hint = "check the path, or remove `next` if the list has one page"
    return Notice(WarningCode.NEXT_NOT_FOUND, message, hint, key="next")


# --- pages -----------------------------------------------------------------------------------------------


class _Page:
    """One answer. Raises SourceContentError for what is not of a type that is read."""

    def __init__(self, answer: "_Answer", declared: HttpRows, number: int) -> None:
        self.number = number
        self._declared = declared
        self._answer = answer
        self.kind = _kind(answer.content_type)
        self.text = answer.text(declared.name) if self.kind else ""
        self._content = self._json() if self.kind == "json" else None

    def _json(self) -> object:
        try:
            return json_value(self.text)
        except BadObjectError as error:
            raise self._wrong(f"the answer is not valid JSON: {error}") from None

    def _json_lines(self) -> Iterator[object]:
        for number, line in enumerate(self.text.split("\n"), start=1):
            try:
                if line.strip():
                    yield json_value(line)
            except BadObjectError as error:
                raise self._wrong(f"line {number}: {error}") from None

    @property
    def records(self) -> Iterator[object]:
        if self.kind == "jsonl":
            yield from self._json_lines()
            return
        if self.kind != "json":
            kind = self._answer.content_type or "without a content type"
            raise self._wrong(f"the answer is {kind}, not JSON, JSON lines or CSV")
        found = _at(self._content, self._declared.records)
        if not isinstance(found, list):
            where = f"at `{self._declared.records}`" if self._declared.records else "at its top"
            raise self._wrong(f"the answer has no list of records {where}")
        yield from found

    @property
    def lacks_next(self) -> bool:
        """Whether there is nothing where `next` says, not even null: it may be misspelt."""
        if self._declared.next is None:
            return False
        above, _, name = self._declared.next.rpartition(".")
        holder = _at(self._content, above)
        return not isinstance(holder, dict) or name not in holder

    @property
    def next(self) -> str | None:
        """The address of the next page, as the answer gives it."""
        linked = self._answer.next_link
        if self._declared.next is None or self.kind != "json":
            return linked
        found = _at(self._content, self._declared.next)
        if found is not None and not isinstance(found, str):
            raise self._wrong(f"the value at `{self._declared.next}` is not the address of a page")
        return found or linked

    def _wrong(self, problem: str) -> SourceContentError:
        message = f"{self._declared.name}: page {self.number}: {problem}"
        return SourceContentError(message, hint="check `path`, `records` and `next`")


def _kind(content_type: str) -> str:
    if content_type in _JSON_LINES:
        return "jsonl"
    if content_type == "application/json" or content_type.endswith("+json"):
        return "json"
    return "csv" if content_type in {"text/csv", "application/csv"} else ""


def _at(content: object, path: str | None) -> object:
    for name in path.split(".") if path else ():
        content = content.get(name) if isinstance(content, dict) else None
    return content


class _Pages:
    """Follows the pages of one reading, within its limits."""

    def __init__(self, client: "httpx.Client", connection: Connection, declared: HttpRows) -> None:
        self._client = client
        self._connection = connection
        self._declared = declared
        self._base = connection.url.rstrip("/")
        self._deadline = time.monotonic() + ALL_SECONDS
        self._room = MOST_BYTES
        self._seen: set[str | bytes] = set()

    def read(self) -> Iterator[_Page]:
        url: str | None = f"{self._base}{self._declared.path}"
        for number in range(1, MOST_PAGES + 1):
            if url is None:
                return
            self._refuse_repeated(url, number)
            answer = self._ask(url)
            page = _Page(answer, self._declared, number)
            yield page
            following = page.next
            if following:
                # An empty page before the last is usual, the same records twice are not.
                self._refuse_repeated(hashlib.sha256(answer.body).digest(), number)
            url = self._same_origin(urljoin(url, following)) if following else None
        raise self._error(f"there are more than {MOST_PAGES:,} pages", "ask for larger pages in `path`")

    def _refuse_repeated(self, what: str | bytes, number: int) -> None:
        if what in self._seen:
            raise self._error(
                f"page {number} repeats an earlier page, so the pages have no end",
                "check `next`, and the documentation of the API on how pages follow each other",
            )
        self._seen.add(what)

    def _same_origin(self, url: str) -> str:
        try:
            same = origin(url) == origin(self._base)
        except ValueError:
            same = False
        if not same:
            raise self._error(
                "the next page is at another address than the connection",
                f"pages are only read from the origin in {self._connection.setting}",
            )
        return url

    def _ask(self, url: str) -> "_Answer":
        if time.monotonic() > self._deadline:
            raise self._error(
                f"reading takes longer than {ALL_SECONDS // 60} minutes", "ask for fewer records"
            )
        with explained(self._declared.name, self._connection):
            answer = self._exchange(url, {**headers(self._connection), "Accept": _ACCEPT})
        self._room -= len(answer.body)
        if self._room < 0:
            raise self._error(f"the answers have more than {MOST_BYTES >> 30} GiB", "ask for fewer records")
        return answer

    def _exchange(self, url: str, sent: Mapping[str, str]) -> "_Answer":
        deadline = time.monotonic() + PAGE_SECONDS
        check = {"trace": peer_check(self._connection, self._declared.name)}
        with self._client.stream("GET", url, headers=sent, extensions=check) as response:
            if response.status_code != 200:  # noqa: PLR2004 - OK
                raise self._refused(response)
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise self._error(
                    "the answer is compressed, although that was not requested", "ask the API's operator"
                )
            body = bytearray()
            # Raw: a few bytes of a compressed body may become gigabytes.
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MOST_BYTES_OF_A_PAGE:
                    raise self._error(
                        f"a page has more than {MOST_BYTES_OF_A_PAGE >> 20} MiB",
                        "ask for smaller pages in `path`",
                    )
                if time.monotonic() > deadline:
                    raise self._error(
                        f"a page takes longer than {PAGE_SECONDS} seconds", "ask for smaller pages"
                    )
            return _Answer(response, bytes(body))

    def _refused(self, response: "httpx.Response") -> SourceError:
        status = response.status_code
        if response.is_redirect:
            return self._error(
                f"the server redirects to another address (status {status}), which is not followed",
                f"write the final address in {self._connection.setting} and `path`",
            )
        advice = _ADVICE.get(status, "check the API, and {setting}")
        return self._error(f"the server answered {status}", advice.format(setting=self._connection.setting))

    def _error(self, problem: str, hint: str) -> SourceError:
        return SourceError(f"{self._declared.name}: {problem}", hint=hint)


class _Answer:
    def __init__(self, response: "httpx.Response", body: bytes) -> None:
        self.body = body
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.next_link: str | None = response.links.get("next", {}).get("url")
        self._encoding = response.charset_encoding or "utf-8-sig"

    def text(self, name: str) -> str:
        try:
            text = self.body.decode(self._encoding)
        except (UnicodeError, LookupError):
            raise SourceContentError(
                f"{name}: the answer is not valid {self._encoding}", hint="the API must answer in UTF-8"
            ) from None
        if "\0" in text:
            raise SourceContentError(f"{name}: the answer contains NUL characters")
        return text
