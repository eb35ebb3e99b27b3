"""The comparison with public checkers: its answers, its counts, and how it reads their wheels."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.ifbench import check
from benchmarks.ifbench.agreement import references
from benchmarks.ifbench.agreement.__main__ import main
from benchmarks.ifbench.agreement.answers import FEWEST, answers
from benchmarks.ifbench.agreement.compare import Tally, table

PROMPT = "Describe a lighthouse in a few sentences for somebody who never saw one."
REGISTRY = """
from {package} import util


class Numbers:
    def __init__(self, id):
        self.id = id

    def build_description(self, *, N):
        self.wanted = N

    def check_following(self, value):
        if value.startswith("9"):
            raise IndexError
        return util.count(value) == self.wanted


INSTRUCTION_DICT = {{"count:numbers": Numbers, "words:start_verb": Numbers}}
"""
RULES = """
from types import SimpleNamespace
from {package}.instructions_registry import INSTRUCTION_DICT


def test_instruction_following_loose(row, text):
    checker = INSTRUCTION_DICT[row.instruction_id_list[0]]("x")
    checker.build_description(**row.kwargs[0])
    return SimpleNamespace(follow_instruction_list=[checker.check_following(text.partition(":")[2] or text)])
"""


@pytest.fixture
def clean_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules of a made-up wheel are forgotten after the test, and NLTK is as it was."""
    import langdetect
    import nltk

    for holder, name in ((langdetect, "detect"), (nltk, "word_tokenize"), (nltk.corpus, "stopwords")):
        monkeypatch.setattr(holder, name, getattr(holder, name))
    for name in ("find", "load"):
        monkeypatch.setattr(nltk.data, name, getattr(nltk.data, name))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def made_up_wheel(folder: Path, package: str, rules: str) -> str:
    """A wheel with one checker, in the layout of the real ones."""
    path = folder / f"{package.partition('.')[0]}.whl"
    inside = package.replace(".", "/")
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{inside}/instructions_registry.py", REGISTRY.format(package=package))
        wheel.writestr(f"{inside}/{rules}.py", RULES.format(package=package))
        wheel.writestr(f"{inside}/util.py", "def count(text):\n    return sum(c.isdigit() for c in text)\n")
    return str(path)


@pytest.mark.parametrize(
    ("id", "kwargs"),
    [
        ("count:numbers", {"N": 3}),
        ("repeat:repeat_simple", {}),
        ("words:alphabet", {}),
        ("startend:quotation", {}),
        ("length_constraints:number_words", {"relation": "less than", "num_words": 12}),
    ],
)
def test_answers_are_varied_and_fall_on_both_sides(id: str, kwargs: dict[str, object]) -> None:
    texts = answers(id, kwargs, PROMPT, [("punctuation:no_comma", {})], "row/1")
    assert len(texts) == len(set(texts)) >= FEWEST
    assert {check(id, text, kwargs) for text in texts} == {True, False}
    assert texts == answers(id, kwargs, PROMPT, [("punctuation:no_comma", {})], "row/1")
    assert texts != answers(id, kwargs, PROMPT, [("punctuation:no_comma", {})], "row/2")


def test_a_tally_tells_stricter_from_looser_and_leaves_out_what_raised() -> None:
    tally = Tally()
    assert [tally.add(*pair) for pair in ((True, True), (True, False), (False, True), (True, None))] == [
        *(False, True, True, False),
    ]
    assert (tally.compared, tally.looser, tally.stricter, tally.raised, tally.followed) == (3, 1, 1, 1, 3)


def test_the_table_marks_a_disagreement_without_a_reason() -> None:
    odd, known = Tally(), Tally()
    odd.add(True, False)
    known.add(False, True)
    tallies = {"count:numbers": odd, "count:pronouns": known, "words:start_verb": Tally()}
    page = table(tallies, tallies)
    assert "a disagreement that is not explained: count:numbers." in page
    assert "- `count:numbers`: not explained" in page
    assert "- `count:pronouns`: a later revision" in page
    assert "| `words:start_verb` | 0 | 0 | 0 | 0 | 0 | not compared | not compared |" in page


@pytest.mark.usefixtures("clean_modules")
def test_checkers_are_read_out_of_a_wheel_without_the_package_around_them(tmp_path: Path) -> None:
    judge = references.evalscope(made_up_wheel(tmp_path, "evalscope.benchmarks.ifbench", "evaluation_lib"))
    assert judge.strict("count:numbers", {"N": 2}, "7 and 8") is True
    assert judge.strict("count:numbers", {"N": 2}, "1: 7 and 8") is False
    assert judge.loose("count:numbers", {"N": 2}, "1: 7 and 8") is True
    assert judge.strict("count:numbers", {"N": 1}, "9") is None
    assert judge.strict("words:start_verb", {"N": 1}, "7") is None
    assert judge.loose("count:sheep", {}, "7") is None


@pytest.mark.usefixtures("clean_modules")
def test_the_command_compares_every_constraint_of_every_prompt(tmp_path: Path) -> None:
    wheels = (
        made_up_wheel(tmp_path, "evalscope.benchmarks.ifbench", "evaluation_lib"),
        made_up_wheel(tmp_path, "lm_eval.tasks.ifeval", "utils"),
    )
    row = {"key": "1", "prompt": PROMPT, "instruction_id_list": ["count:numbers"], "kwargs": [{"N": 3}]}
    folder = tmp_path / "ifbench"
    folder.mkdir()
    for name in ("test", "train_ifeval", "val_ifeval"):
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    out = tmp_path / "page.md"
    options = ["--data", str(tmp_path), "--evalscope", wheels[0], "--lm-eval", wheels[1], "--show", "1"]
    done = CliRunner().invoke(main, [*options, "--out", str(out)])
    assert done.exit_code == 0, done.output
    page = out.read_text(encoding="utf-8")
    row_of = next(line for line in page.splitlines() if line.startswith("| `count:numbers`"))
    assert int(row_of.split("|")[2]) >= 3 * FEWEST
    assert PROMPT not in page
