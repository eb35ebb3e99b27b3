"""Files that cannot be read, and what holds of all readers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.data import from_jsonl, from_langfuse, from_mlflow, from_phoenix, records

pandas = pytest.importorskip("pandas")

READERS = {"mlflow": from_mlflow, "phoenix": from_phoenix, "langfuse": from_langfuse}
GOOD = json.dumps({"id": "t", "input": {"q": 1}, "output": 2})


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.jsonl", f"{GOOD}\n\n{{broken\n".encode(), r"t\.jsonl, line 3"),
        ("t.jsonl", f"{GOOD}\n[1]\n".encode(), r"t\.jsonl, line 2.*list"),
        ("t.json", b'"text"', r"t\.json.*str"),
        ("t.json", b"[1]", r"t\.json, item 1.*int"),
        ("t.json", b"{", r"t\.json, line 1"),
        ("t.csv", b"id,input,output\nt1,a,b\nt2,a\n", r"t\.csv, line 3"),
        ("t.csv", b'id,input,output\nt1,"a' + b"a" * 300 + b'",b\n', r"t\.csv, line 2"),
        ("t.jsonl", b"\xff\xfe\x00", r"t\.jsonl"),
        ("t.jsonl.gz", b"no gzip", r"t\.jsonl\.gz"),
        ("t.jsonl.gz", gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 30, r"t\.jsonl\.gz"),
        ("t.parquet", b"no parquet", r"t\.parquet"),
        ("t.jsonl", b"", "empty"),
        ("t.jsonl", ("[" * 100_000).encode(), r"t\.jsonl, line 1"),
        ("t.jsonl", b'{"id": "' + b"x" * 300 + b'"}', r"t\.jsonl, line 1.*250"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
def test_a_file_that_cannot_be_read_is_named_with_the_line(
    name: str, content: bytes, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(content) < 1_000:
        monkeypatch.setattr(records, "LINE_CHARS", 250)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=found):
        from_langfuse(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in READERS.values():
        with pytest.raises(ConfigurationError, match=r"missing\.jsonl"):
            read(tmp_path / "missing.jsonl")


@pytest.mark.parametrize("name", ["t.JSONL", "t.JSONL.GZ", "t.Json.gz", "t.CSV", "t.CSV.gz", "t.of.JSONL.gz"])
def test_a_file_is_read_by_its_ending_in_small_or_capital_letters(name: str, tmp_path: Path) -> None:
    content = b"id,input,output\nt,1,2\n" if ".csv" in name.lower() else GOOD.encode()
    is_packed = name.lower().endswith(".gz")
    (tmp_path / name).write_bytes(gzip.compress(content) if is_packed else content)
    (example,) = from_langfuse(tmp_path / name)
    assert str(example.output) == "2"


@pytest.mark.parametrize("source", [7, b"bytes", None])
def test_what_is_neither_a_file_nor_a_list_is_refused(source: Any) -> None:
    for read in READERS.values():
        with pytest.raises(ConfigurationError, match=type(source).__name__):
            read(source)


def test_a_document_too_large_for_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_CHARS", 10)
    (tmp_path / "t.json").write_text(json.dumps([GOOD]), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="JSONL"):
        from_langfuse(tmp_path / "t.json")


def test_parquet_without_pandas_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(records, "import_module", missing)
    with pytest.raises(ConfigurationError, match="pip install pandas"):
        from_phoenix(tmp_path / "t.parquet")


def traces(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": f"t{i}", "input": {"q": i, **fields}, "output": i} for i in range(count)]


def test_more_traces_than_the_limit_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert len(from_langfuse(traces(3), limit=3)) == 3
    assert caplog.text == ""
    assert [example.q for example in from_langfuse(traces(5), limit=3)] == [0, 1, 2]
    assert "first 3" in caplog.text
    with pytest.raises(ConfigurationError, match="limit"):
        from_langfuse(traces(3), limit=0)


def test_inputs_can_be_chosen_and_renamed() -> None:
    (chosen,) = from_langfuse(traces(1, extra="x"), inputs=["q"])
    assert dict(chosen.inputs()) == {"q": 0}
    assert "extra" not in chosen
    (renamed,) = from_langfuse(traces(1), inputs={"q": "question"})
    assert dict(renamed.inputs()) == {"question": 0}
    with pytest.raises(ConfigurationError, match=r"'w'.*'q'"):
        from_langfuse(traces(1), inputs=["w"])


def test_an_input_with_the_name_of_a_label_has_to_be_renamed() -> None:
    with pytest.raises(ConfigurationError, match="inputs="):
        from_langfuse(traces(1, feedback="x"))
    (example,) = from_langfuse(traces(1, feedback="x"), inputs={"q": "q", "feedback": "remark"})
    assert (example.remark, example.feedback) == ("x", "")


def test_traces_without_any_inputs_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="item 1"):
        from_langfuse([{"id": "t", "output": "x"}])


ROWS = [{"question": "a", "answer": "b"}, {"question": "c", "answer": "d", "level": 2}]


@pytest.mark.parametrize("form", ["list", "DataFrame", "t.jsonl", "t.csv"])
def test_json_lines_of_ones_own_are_examples(form: str, tmp_path: Path) -> None:
    table = pandas.DataFrame(ROWS)
    files = {"t.jsonl": "\n".join(map(json.dumps, ROWS)), "t.csv": table.to_csv(index=False)}
    source: Any = {"list": ROWS, "DataFrame": table}.get(form, tmp_path / form)
    if form in files:
        (tmp_path / form).write_text(files[form], encoding="utf-8")
    first, second = from_jsonl(source, inputs=["question"])
    assert isinstance(first, dspy.Example)
    assert dict(first.inputs()) == {"question": "a"}
    assert first.answer == "b"
    assert float(second.level) == 2


@pytest.mark.parametrize(
    ("rows", "inputs", "named"),
    [
        (ROWS, ["level"], "item 1.*level"),
        (ROWS, [], "inputs"),
        (ROWS, "question", "inputs"),
        ([], ["question"], "empty"),
    ],
)
def test_json_lines_that_lack_an_input_are_refused(rows: Any, inputs: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        from_jsonl(rows, inputs=inputs)


def test_more_rows_than_the_limit_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert len(from_jsonl(ROWS, inputs=["question"], limit=1)) == 1
    assert "limit=" in caplog.text


def test_lists_of_a_parquet_file_are_lists(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    scores = [{"name": "thumbs", "value": 1.0}, {"name": "thumbs", "value": 0.0}]
    table = pandas.DataFrame([{"id": "t", "input": {"tags": ["a", "b"]}, "output": ["c"], "scores": scores}])
    table.to_parquet(tmp_path / "t.parquet")
    (row,) = from_langfuse(tmp_path / "t.parquet")
    assert (row.tags, row.output, row.ratings) == (["a", "b"], ["c"], {"thumbs": 0.5})
    (row,) = from_jsonl(tmp_path / "t.parquet", inputs=["input"])
    assert row.input == {"tags": ["a", "b"]}


def test_names_of_inputs_that_can_be_read_only_once_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"inputs=\[\.\.\.\]"):
        from_jsonl([{"q": 1}], inputs=iter(["q"]))
