import json
import os

import pytest

from runner.campaign.model import Campaign
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader
from runner.contacts.suppression import ListTemplateError, Suppressed, SuppressionLists
from runner.errors import SourceContentError, SourceError

BOSTON = "+16175551234"


@pytest.fixture
def lists(tmp_path):
    """Loads the given entries of `contacts.suppress`; files are in `tmp_path`."""

    def lists(*suppress, key="{{ row.id }}", sources=({},)):
        campaign = Campaign.model_validate(
            {
                "version": 1,
                "name": "follow-up",
                "survey": {"survey_id": "48211", "instance_id": "3"},
                "contacts": {
                    "sources": [{"type": "inline", "rows": [{"id": "1"}], **more} for more in sources],
                    "phone": "{{ row.phone }}",
                    "key": key,
                    "region": "US",
                    "suppress": list(suppress),
                },
                "calling_windows": {"weekly": {"daily": "09:00-17:00"}},
            }
        )
        return SuppressionLists(campaign, SourceReader(SourceFolder(tmp_path / "campaign.yaml")))

    return lists


def csv_list(**options):
    return {"type": "csv", "path": "no.csv", "phone": "{{ row.phone }}", **options}


def test_a_number_is_matched_however_the_list_writes_it(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\n212 555 1234\n(617) 555-1234\n")
    loaded = lists(csv_list())
    assert loaded.match("7", BOSTON) == "on no.csv:3"
    assert loaded.match("7", "+16175551235") is None


def test_a_key_is_matched_however_it_is_composed_or_padded(lists, tmp_path):
    (tmp_path / "no.jsonl").write_text('{"id": " Zoe\\u0308 "}\n')
    loaded = lists({"type": "jsonl", "path": "no.jsonl", "key": "{{ row.id }}"})
    assert loaded.match("Zo\u00eb", BOSTON) == "on no.jsonl:1"
    assert loaded.match("7", BOSTON) is None


@pytest.mark.parametrize(
    ("listed", "key"),
    [
        ("Ann@Example.org", "ann@example.org"),
        ("ab-7", "AB-7"),
        ("K9\u200b", "K9"),
        ("K9", "\ufeffK9"),
        (1001.0, "1001"),
        (1001, "1001.0"),
        ("STRASSE-1", "straße-1"),
        ("K\uff19", "K9"),
        ("K\u00a09", "K 9"),
        ("K9\x7f", "K9"),
        ("K9\u034f\ufe0f\u3164\u2800", "K9"),
        ("0002", "2"),
        ("2", "0002"),
        ('="0002"', "0002"),
    ],
)
def test_a_key_is_matched_however_another_program_writes_it(lists, tmp_path, listed, key):
    (tmp_path / "no.jsonl").write_text(json.dumps({"id": listed}))
    loaded = lists({"type": "jsonl", "path": "no.jsonl", "key": "{{ row.id }}"})
    assert loaded.match(key, BOSTON) == "on no.jsonl:1"


@pytest.mark.parametrize(("listed", "key"), [("ab-7", "ab-70"), ("1001.5", "1001"), ("10.0.0", "10.0")])
def test_another_key_is_not_matched(lists, tmp_path, listed, key):
    (tmp_path / "no.jsonl").write_text(json.dumps({"id": listed}))
    loaded = lists({"type": "jsonl", "path": "no.jsonl", "key": "{{ row.id }}"})
    assert loaded.match(key, BOSTON) is None


def test_an_invisible_key_names_nobody(lists, tmp_path):
    (tmp_path / "no.jsonl").write_text(json.dumps({"id": "\u2800\u3164"}))
    listed = {"type": "jsonl", "path": "no.jsonl", "key": "{{ row.id }}"}
    with pytest.raises(SourceContentError, match="neither a number nor a key"):
        lists(listed)
    assert lists({**listed, "allow_invalid": True}).match("\u034f", BOSTON) is None


def test_a_key_whose_digits_a_spreadsheet_lost_is_an_error(lists, tmp_path):
    (tmp_path / "no.csv").write_text("id\n7\n6.17555E+09\n")
    with pytest.raises(
        SourceContentError, match=r"^no\.csv:3: its key cannot be read: a spreadsheet turned it"
    ):
        lists({"type": "csv", "path": "no.csv", "key": "{{ row.id }}"})


@pytest.mark.parametrize(
    "written", ["617-555-1234 x5", "617-555-1234 ext. 5", "6175551234#", "617-555-1234\x7f"]
)
def test_a_listed_number_with_an_extension_is_the_number(lists, tmp_path, written):
    (tmp_path / "no.csv").write_text(f"phone\n{written}\n")
    loaded = lists(csv_list())
    assert loaded.match("7", BOSTON) == "on no.csv:2"
    (summary,) = loaded.summaries()
    assert summary.skipped.count == 0


@pytest.mark.parametrize("first", ["617-555-1234", "ann@example.org", "c-0001", "0001"])
def test_a_list_without_a_header_is_an_error_for_its_first_entry_would_be_lost(lists, tmp_path, first):
    second = first.replace("1", "2").replace("ann", "bob")
    (tmp_path / "no.csv").write_text(f"{first},x\n{second},y\n")
    with pytest.raises(SourceContentError) as error:
        lists({"type": "csv", "path": "no.csv", "key": f"{{{{ row['{first}'] }}}}"})
    assert "no.csv" in error.value.message
    assert "names the columns" in error.value.hint
    assert first not in error.value.message


def test_where_keys_are_numbers_a_listed_key_is_read_as_one(lists, tmp_path):
    (tmp_path / "no.csv").write_text("who\n617 555 1234\n")
    loaded = lists({"type": "csv", "path": "no.csv", "key": "{{ row.who }}"}, key=None)
    assert loaded.match(BOSTON, BOSTON) == "on no.csv:2"


def test_where_keys_are_numbers_a_list_of_other_keys_is_an_error(lists, tmp_path):
    (tmp_path / "no.csv").write_text("who\nvisit-17\n")
    with pytest.raises(SourceContentError, match=r"^no\.csv:2: without contacts\.key a key is a number"):
        lists({"type": "csv", "path": "no.csv", "key": "{{ row.who }}"}, key=None)


def test_where_some_keys_are_numbers_a_listed_key_is_read_as_one_too(lists, tmp_path):
    (tmp_path / "no.csv").write_text("who\n(617) 555-1234\nvisit-17\n2125551234\n")
    listed = {"type": "csv", "path": "no.csv", "key": "{{ row.who }}"}
    loaded = lists(listed, key=None, sources=({}, {"key": "{{ row.id }}"}))
    assert loaded.match(BOSTON, BOSTON) == "on no.csv:2"
    assert loaded.match("visit-17", BOSTON) == "on no.csv:3"
    # A number may be the key of another source as it is written.
    assert loaded.match("2125551234", BOSTON) == "on no.csv:4"
    assert loaded.match("visit-18", "+16175551235") is None


def test_a_row_may_give_a_number_or_a_key_or_both(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,id\n6175551234,\n,7\n6175551235,8\n")
    loaded = lists(csv_list(key="{{ row.id }}"))
    assert loaded.match("x", BOSTON) == "on no.csv:2"
    assert loaded.match("7", "+12125551234") == "on no.csv:3"
    assert loaded.match("8", "+12125551234") == loaded.match("x", "+16175551235") == "on no.csv:4"


def test_every_list_counts(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\n6175551234\n")
    inline = {"type": "inline", "key": "{{ row.id }}", "rows": [{"id": "7"}]}
    loaded = lists(csv_list(), inline)
    assert loaded.match("x", BOSTON) == "on no.csv:2"
    assert loaded.match("7", "+12125551234") == "on contacts.suppress:1"


def test_without_lists_nobody_is_suppressed(lists):
    loaded = lists()
    assert loaded.match("7", BOSTON) is None
    assert loaded.refresh() is False


def test_rows_that_name_nobody_are_errors_with_their_lines(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,note\n6175551234,a\n555-1234,b\n,c\n")
    with pytest.raises(SourceContentError) as error:
        lists(csv_list())
    assert [line.split(": ")[0] for line in error.value.message.splitlines()] == ["no.csv:3", "no.csv:4"]
    assert "allow_invalid" in error.value.hint
    assert "555" not in error.value.message


def test_invalid_rows_may_be_allowed(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,note\n555-1234,b\n,c\n6175551234,a\n")
    loaded = lists(csv_list(allow_invalid=True))
    assert loaded.match("7", BOSTON) == "on no.csv:4"
    (summary,) = loaded.summaries()
    assert (summary.position, summary.name, summary.skipped.count) == (0, "no.csv", 2)
    assert summary.skipped.first[0] == (2, "its number cannot be read: it is too short for a number in US")


def test_a_key_next_to_an_invalid_number_still_counts(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,id\n555-1234,7\n")
    loaded = lists(csv_list(key="{{ row.id }}", allow_invalid=True))
    assert loaded.match("7", BOSTON) == "on no.csv:2"


def test_a_number_next_to_a_key_that_fails_still_counts(lists, tmp_path):
    (tmp_path / "no.jsonl").write_text('{"phone": "617 555 1234"}\n{"phone": "6175551235", "id": 8}\n')
    listed = {"type": "jsonl", "path": "no.jsonl", "phone": "{{ row.phone }}", "key": "{{ row.id }}"}
    with pytest.raises(SourceContentError, match=r"^no\.jsonl:1: "):
        lists(listed)
    loaded = lists({**listed, "allow_invalid": True})
    assert loaded.match("x", BOSTON) == "on no.jsonl:1"
    assert loaded.match("8", "+12125551234") == "on no.jsonl:2"


def test_a_number_next_to_an_invalid_key_still_counts(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,id\n6175551234,visit-17\n")
    loaded = lists(csv_list(key="{{ row.id }}", allow_invalid=True), key=None)
    assert loaded.match(BOSTON, BOSTON) == "on no.csv:2"


def test_a_misspelt_column_of_keys_is_an_error_also_where_numbers_are_wrong(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,id\n6175551234,7\n555-1234,8\n")
    with pytest.raises(ListTemplateError, match="there is no column `idd`"):
        lists(csv_list(key="{{ row.idd }}", allow_invalid=True))


def test_a_misspelt_column_is_an_error_not_an_empty_list(lists, tmp_path):
    (tmp_path / "no.csv").write_text("number\n6175551234\n")
    with pytest.raises(SourceContentError, match="there is no column `phone`"):
        lists(csv_list())


@pytest.mark.parametrize("allow_invalid", [False, True])
def test_an_unknown_column_is_one_error_with_its_place_and_is_never_skipped(lists, tmp_path, allow_invalid):
    (tmp_path / "no.csv").write_text("fone\n6175551234\n6175551235\n")
    with pytest.raises(ListTemplateError) as error:
        lists(csv_list(allow_invalid=allow_invalid))
    assert error.value.message == (
        "this template fails for every row of no.csv: there is no column `phone`; did you mean `fone`?"
    )
    assert error.value.location == ("contacts", "suppress", 0, "phone")
    assert error.value.hint == ""


def test_skipping_invalid_rows_is_not_offered_when_that_leaves_none(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\nAnn\nBen\n")
    with pytest.raises(SourceContentError) as error:
        lists(csv_list())
    assert "allow_invalid" not in error.value.hint


def test_an_empty_list_is_an_error_unless_it_is_allowed(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\n")
    with pytest.raises(SourceContentError) as error:
        lists(csv_list())
    assert "allow_empty" in error.value.hint
    assert lists(csv_list(allow_empty=True)).match("7", BOSTON) is None


@pytest.mark.parametrize("content", ["", "phone,note\n6175551234\n", 'phone\n"617\n'])
def test_an_invalid_list_is_an_error_and_never_shorter(lists, tmp_path, content):
    (tmp_path / "no.csv").write_text(content)
    with pytest.raises(SourceContentError):
        lists(csv_list(allow_empty=True, allow_invalid=True))


def test_a_missing_list_is_an_error(lists):
    with pytest.raises(SourceError, match="no such file"):
        lists(csv_list(allow_empty=True))


def test_a_list_is_read_again_only_when_it_changed(lists, tmp_path):
    path = tmp_path / "no.csv"
    path.write_text("phone\n2125551234\n")
    loaded = lists(csv_list())
    assert loaded.refresh() is False
    with path.open("a") as file:
        file.write("6175551234\n")
    assert loaded.refresh() is True
    assert loaded.match("7", BOSTON) == "on no.csv:3"
    assert loaded.refresh() is False


def test_a_list_that_was_replaced_by_another_file_of_the_same_size_and_time_is_read(lists, tmp_path):
    path, new = tmp_path / "no.csv", tmp_path / "new.csv"
    path.write_text("phone\n2125551234\n")
    loaded = lists(csv_list())
    new.write_text("phone\n6175551234\n")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)
    assert loaded.refresh() is True
    assert loaded.match("7", BOSTON) == "on no.csv:2"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"phone\n",
        b"phone\n555\n",
        b'phone\n6175551234\n"61755',
        b"phone\n\0\0\0",
        b"\xff\xfep\0h\0o",
    ],
    ids=[
        "missing",
        "truncated",
        "no rows",
        "half a number",
        "half a line",
        "preallocated",
        "half a character",
    ],
)
def test_a_list_that_cannot_be_read_any_more_raises_each_time_and_keeps_who_was_on_it(
    lists, tmp_path, content
):
    path = tmp_path / "no.csv"
    path.write_text("phone\n6175551234\n")
    loaded = lists(csv_list())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(SourceError):
            loaded.refresh()
    assert loaded.match("7", BOSTON) == "on no.csv:2"


def test_the_number_of_a_row_whose_key_is_listed_is_not_called_for_another_row(lists, tmp_path):
    path = tmp_path / "no.csv"
    path.write_text("id\n7\n")
    rows = [("7", BOSTON), ("8", BOSTON), ("9", "+12125551234"), ("10", "+12125551234")]
    suppressed = Suppressed(lists(csv_list(phone=None, key="{{ row.id }}")), lambda: rows, tuple)
    assert (
        suppressed.match("8", BOSTON) == "on no.csv:2, with the key of another contact that has this number"
    )
    assert suppressed.match("9", "+12125551234") is None
    path.write_text("id\n7\n10\n")
    assert suppressed.refresh() is True
    assert suppressed.match("9", "+12125551234").startswith("on no.csv:3, ")
    assert suppressed.refresh() is False


def test_many_rows_that_cannot_be_read_are_counted_and_few_are_kept(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\n" + "555\n" * 1_000)
    with pytest.raises(SourceContentError) as error:
        lists(csv_list())
    assert error.value.message.splitlines()[-1] == "and 990 more"


def test_only_rows_for_which_where_is_true_are_on_the_list(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,out\n617 555 1234,yes\n617 555 1235,no\n")
    loaded = lists(csv_list(where="{{ row.out }}"))
    assert loaded.match("7", BOSTON) == "on no.csv:2"
    assert loaded.match("7", "+16175551235") is None


def test_a_row_for_which_where_is_unclear_is_an_error(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone,out\n617 555 1234,perhaps\n")
    with pytest.raises(SourceContentError, match=r"no\.csv:2: `where` is neither yes nor no"):
        lists(csv_list(where="{{ row.out }}"))


def test_a_list_may_have_its_own_region(lists, tmp_path):
    (tmp_path / "no.csv").write_text("phone\n020 7946 0018\n")
    assert lists(csv_list(region="GB")).match("7", "+442079460018") == "on no.csv:2"


def test_a_list_that_lost_more_than_the_guard_allows_keeps_its_entries_and_is_an_error_until_it_is_whole(
    lists, tmp_path
):
    numbers = [f"617-555-{number:04}" for number in range(100, 140)]
    (tmp_path / "no.csv").write_text("\n".join(["phone", *numbers]))
    loaded = lists(csv_list())
    (tmp_path / "no.csv").write_text("\n".join(["phone", *numbers[:20]]))
    for _ in range(2):
        with pytest.raises(SourceContentError, match=r"no\.csv has 20 entries, and had 40 when last read"):
            loaded.refresh()
    assert loaded.match("7", "+16175550139") == "on no.csv:41"
    (tmp_path / "no.csv").write_text("\n".join(["phone", *numbers[:38]]))
    assert loaded.refresh() is True
