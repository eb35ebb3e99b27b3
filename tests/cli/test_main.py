"""What holds for all commands: errors with remedies, exit codes, and a start that takes no seconds."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dspy_gepa.cli.main import SHELLS, main
from dspy_gepa.record.file import SCHEMA_VERSION
from tests.cli.conftest import Call, changed

FULL = Path("/dev/full")
COMMANDS = ("show", "watch", "report", "export", "compare")


def arguments(command: str, run: Path) -> list[object]:
    return [command, run, run] if command == "compare" else [command, run]


def test_every_command_is_in_the_help(call: Call) -> None:
    result = call("--help")
    assert result.exit_code == 0
    for command in (*COMMANDS, "runs", "completion"):
        assert f"  {command} " in result.output
        assert call(command, "--help").exit_code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_says_what_run_is_and_has_an_example(command: str, call: Call) -> None:
    help_ = call(command, "--help").output
    assert "RUN is the log_dir that GEPA was given." in help_
    assert f"\n    dspy-gepa {command} runs/one" in help_


def test_the_help_of_completion_has_a_line_for_each_shell(call: Call) -> None:
    lines = [line.strip() for line in call("completion", "--help").output.splitlines()]
    for shell in SHELLS:
        assert any(line.startswith(f"{shell}: ") and f"completion {shell} >" in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_no_run_is_refused_with_the_runs_below_it(
    command: str, call: Call, runs: Path
) -> None:
    result = call(*arguments(command, runs))
    assert result.exit_code == 2
    assert f"{runs} is not a run's log_dir: run.sqlite is missing in it." in result.output
    assert f"Below it there are: {runs / 'first'}, {runs / 'second'}." in result.output


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("runs/frist", "Near it there are: runs/first"),
        ("runs/first/more", "Near it there are: runs/first"),
        ("first", "Near it there are: runs/first"),
        ("empty", "GEPA(log_dir=...) makes one."),
    ],
)
def test_a_misspelt_run_is_refused_with_the_one_that_was_meant(
    wrong: str, said: str, call: Call, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(runs / "first", tmp_path / "runs" / "first")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    result = call("show", wrong)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_without_a_run_anywhere_near_the_error_says_so(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"Nor is there a run below {tmp_path}." in " ".join(call("show", "nothing").output.split())


def test_the_journal_itself_stands_for_its_folder(call: Call, runs: Path) -> None:
    assert call("show", runs / "first" / "run.sqlite").output == call("show", runs / "first").output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_journal_of_another_release_is_refused_with_both_versions(
    command: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(runs / "first", tmp_path / "run", "UPDATE meta SET value = '2' WHERE name = 'version'")
    result = call(*arguments(command, run))
    assert result.exit_code == 2
    assert f"has schema version 2; this release writes {SCHEMA_VERSION}." in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_journal_is_refused_with_a_remedy(command: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(b"\x1b[31mno database" * 100)
    result = call(*arguments(command, tmp_path))
    assert result.exit_code == 2
    assert "is not a readable journal" in result.output
    assert "Restore the file" in result.output


@pytest.mark.parametrize("command", ["report", "export"])
def test_a_file_that_cannot_be_written_is_named_with_the_reason(
    command: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    wrong = tmp_path / "file" / "page"
    result = call(command, runs / "first", "-o", wrong)
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {wrong} cannot be written: ")
    assert result.output.endswith("Name another file with -o.\n")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize(
    "line", ["--help", "--version", "show --help", "runs .", "show first", "export first"]
)
def test_an_output_that_is_full_is_reported_in_a_line(line: str, runs: Path) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dspy_gepa", *line.split()],
            cwd=runs,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "Error: The output cannot be written: No space left on device.\n"


def test_the_console_script_of_the_package_is_the_command_line(call: Call) -> None:
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^dspy-gepa = "([\w.]+):(\w+)"$', pyproject, flags=re.MULTILINE)
    assert found
    assert getattr(import_module(found[1]), found[2]) is main
    assert re.fullmatch(r"dspy-gepa, version \S+\n", call("--version").output)


def test_an_unknown_command_is_a_usage_error(call: Call) -> None:
    result = call("sohw")
    assert result.exit_code == 2
    assert "No such command 'sohw'" in result.output


def test_show_and_help_start_without_dspy_and_numpy(runs: Path) -> None:
    script = (
        "import sys\n"
        "from dspy_gepa.cli.main import cli\n"
        "for args in sys.argv[1].split('|'):\n"
        "    cli(args.split(), standalone_mode=False)\n"
        "assert not {'dspy', 'litellm', 'numpy', 'rich', 'jinja2'} & set(sys.modules)\n"
    )
    lines = "|".join(
        ["--help", "show first", "runs .", "watch first", "export first", "compare first second"]
    )
    done = subprocess.run(
        [sys.executable, "-c", script, lines],
        cwd=runs,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_package_is_a_command_too(runs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dspy_gepa", "show", "first", "--check"],
        cwd=runs,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("first: finished\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_every_shell(shell: str, call: Call) -> None:
    result = call("completion", shell)
    assert result.exit_code == 0
    assert f"_DSPY_GEPA_COMPLETE={shell}_complete" in result.output


def test_a_shell_completes_commands_and_options(runs: Path) -> None:
    def completed(words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dspy_gepa"],
            cwd=runs,
            env={
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "_DSPY_GEPA_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert completed("dspy-gepa com") == "plain,compare\nplain,completion\n"
    assert "plain,--format" in completed("dspy-gepa export first --f")


def test_the_help_names_every_command_in_whole_sentences_on_a_usual_terminal(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "..." not in call("--help").output.replace("[ARGS]...", "")
