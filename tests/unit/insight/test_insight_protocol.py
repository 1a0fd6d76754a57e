"""The bytes of a queue request, and what PHP makes of them."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.calls import CallRequest
from runner.insight.php_form import php_form
from runner.insight.protocol import FormRequest, queue_request, record_request

START, END = 1_796_166_000, 1_796_169_600


def request(
    metadata: dict[str, str] | None = None, *, max_attempts: int = 1, result_url: str = ""
) -> FormRequest:
    call = CallRequest(
        phone_number="tel:+16175551234;ani=2125551234;postd=2",
        max_attempts=max_attempts,
        reattempt_wait=600 if max_attempts > 1 else None,
        metadata=metadata or {},
        result_url=result_url,
    )
    return queue_request(
        survey_id="1001",
        instance_id="2002",
        call=call,
        start_timestamp=START,
        end_timestamp=END,
        accept="json",
    )


def test_the_smallest_request_is_these_bytes() -> None:
    assert request() == FormRequest(
        path="/surveys/1001/2002/queue",
        headers=(("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
        body=b"phone_number=tel%3A%2B16175551234%3Bani%3D2125551234%3Bpostd%3D2"
        b"&start_timestamp=1796166000&end_timestamp=1796169600&max_attempts=1",
    )


def test_a_request_with_everything_is_these_bytes() -> None:
    whole = request(
        {"first_name": "Ann O'Neil & Söhne", "note": "50% = half+1\r\n"},
        max_attempts=3,
        result_url="https://hooks.example.org/insight?a=1&b=2",
    )
    assert whole.body == (
        b"phone_number=tel%3A%2B16175551234%3Bani%3D2125551234%3Bpostd%3D2"
        b"&start_timestamp=1796166000&end_timestamp=1796169600&max_attempts=3&reattempt_wait=600"
        b"&metadata%5Bfirst_name%5D=Ann+O%27Neil+%26+S%C3%B6hne"
        b"&metadata%5Bnote%5D=50%25+%3D+half%2B1%0D%0A"
        b"&result_url=https%3A%2F%2Fhooks.example.org%2Finsight%3Fa%3D1%26b%3D2"
    )


def test_the_accept_header_asks_for_xml_when_wanted() -> None:
    call = CallRequest(
        phone_number="tel:+16175551234", max_attempts=1, reattempt_wait=None, metadata={}, result_url=""
    )
    asked = queue_request(
        survey_id="1", instance_id="2", call=call, start_timestamp=START, end_timestamp=END, accept="xml"
    )
    assert ("Accept", "application/xml") in asked.headers


@pytest.mark.parametrize(("attempts", "sent"), [(1, False), (2, True), (10, True)])
def test_reattempt_wait_is_sent_with_several_attempts_only(attempts: int, *, sent: bool) -> None:
    assert (b"reattempt_wait" in request(max_attempts=attempts).body) is sent


def test_an_empty_metadata_value_is_sent_as_empty() -> None:
    assert php_form(request({"first_name": ""}).body)["metadata"] == {"first_name": ""}


# What the campaign model lets through as a name.
NAMES = st.from_regex(r"[^\[\]\x00-\x20]([^\[\]\x00-\x1f]*[^\[\]\x00-\x20])?", fullmatch=True).filter(
    lambda name: name.isprintable()
)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_metadata_comes_out_of_a_php_form_as_it_went_in(metadata: dict[str, str]) -> None:
    form = php_form(request(metadata).body)
    assert form.get("metadata", {}) == metadata
    assert form["phone_number"] == "tel:+16175551234;ani=2125551234;postd=2"
    assert form.keys() - {"metadata"} == {"phone_number", "start_timestamp", "end_timestamp", "max_attempts"}


# What `parse_str` of PHP 8.2 makes of each form. parse_str and $_POST share one parser.
PINNED: list[tuple[bytes, dict[str, object]]] = [
    (b"a=1&m[x]=2", {"a": "1", "m": {"x": "2"}}),
    (b"a=1&a=2", {"a": "2"}),
    (b"m[x]=1&m=2", {"m": "2"}),
    (b"m=1&m[x]=2", {"m": {"x": "2"}}),
    (b"first.name=1&a b=2&c%20d=3", {"first_name": "1", "a_b": "2", "c_d": "3"}),
    (b"m[first.name]=1&m[a b]=2", {"m": {"first.name": "1", "a b": "2"}}),
    (b"m[]=1&m[]=2", {"m": {"0": "1", "1": "2"}}),
    (b"m[x=1", {"m_x": "1"}),
    (b"m[a[b]=1", {"m": {"a[b": "1"}}),
    (b"m[x]y=1", {"m": {"x": "1"}}),
    (b"m%5Bx%5D=1%2B1+%26", {"m": {"x": "1+1 &"}}),
    (b"m[%C3%A9]=%C3%BC", {"m": {"é": "ü"}}),
    (b"=1&&a", {"a": ""}),
    (b" a=1&+b=2", {"a": "1", "b": "2"}),
    (b"[x]=1", {}),
    (b"a=%zz%4", {"a": "%zz%4"}),
    (b"a=1=2", {"a": "1=2"}),
    (b"a;b=1;c=2", {"a;b": "1;c=2"}),
    (b"a]b=1", {"a]b": "1"}),
]


@pytest.mark.parametrize(("body", "form"), PINNED)
def test_forms_are_read_as_php_reads_them(body: bytes, form: dict[str, object]) -> None:
    assert php_form(body) == form


def php(body: bytes) -> object:
    code = (
        "parse_str(file_get_contents('php://stdin'), $form);"
        "echo json_encode($form, JSON_FORCE_OBJECT | JSON_THROW_ON_ERROR);"
    )
    done = subprocess.run(["php", "-n", "-r", code], input=body, capture_output=True, check=True)
    return json.loads(done.stdout)


needs_php = pytest.mark.skipif(shutil.which("php") is None, reason="php is not on this machine")


@needs_php
@pytest.mark.parametrize(("body", "form"), PINNED)
def test_the_pinned_forms_are_what_php_on_this_machine_makes(body: bytes, form: dict[str, object]) -> None:
    assert php(body) == form


@needs_php
def test_a_whole_request_comes_out_right_in_php_on_this_machine() -> None:
    metadata = {
        "first_name": "Ann O'Neil & Söhne",
        "a.b c": "1+1=2; 50%\r\n\t\x00",
        "日本": '👋 \\ " <>[]{}#?/',
        "-": "",
        "7": "x",
    }
    whole = request(metadata, max_attempts=3, result_url="https://hooks.example.org/?a=1&b=[2]")
    assert php(whole.body) == {
        "phone_number": "tel:+16175551234;ani=2125551234;postd=2",
        "start_timestamp": str(START),
        "end_timestamp": str(END),
        "max_attempts": "3",
        "reattempt_wait": "600",
        "metadata": metadata,
        "result_url": "https://hooks.example.org/?a=1&b=[2]",
    }


def test_the_push_of_a_record_is_these_bytes() -> None:
    pushed = record_request(
        metadatabase="clinic visits", metadata={"first_name": "Jos\u00e9 & Ann"}, accept="xml"
    )
    assert pushed == FormRequest(
        path="/metadatabase_push",
        headers=(("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/xml")),
        body=b"metadatabase=clinic+visits&record=%7B%22first_name%22%3A+%22Jos%5Cu00e9+%26+Ann%22%7D",
    )


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_a_record_comes_out_of_the_form_as_its_metadata(metadata: dict[str, str]) -> None:
    form = php_form(record_request(metadatabase="visits", metadata=metadata, accept="json").body)
    assert form["metadatabase"] == "visits"
    assert json.loads(str(form["record"])) == metadata
