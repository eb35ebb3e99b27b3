"""`python -m benchmarks.ifbench.agreement`: our checkers beside public ones, on the real prompts.

pip download --no-deps evalscope==1.14.1 lm-eval==0.4.13
python -m benchmarks.ifbench.agreement --data DIR --evalscope WHEEL --lm-eval WHEEL --out FILE
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.ifbench import IFEVAL, TEST, check, check_loosely
from benchmarks.ifbench.agreement.answers import answers
from benchmarks.ifbench.agreement.compare import Tally, table
from benchmarks.ifbench.agreement.references import evalscope, lm_eval

FILES = ("test", "train_ifeval", "val_ifeval")


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False), help="Holds ifbench/.")
@click.option("--evalscope", "evalscope_wheel", required=True, type=click.Path(exists=True))
@click.option("--lm-eval", "lm_eval_wheel", required=True, type=click.Path(exists=True))
@click.option("--out", type=click.Path(dir_okay=False), help="Where the table goes; default: the screen.")
@click.option("--show", default=0, help="Print so many disagreements of each constraint, cut short.")
def main(data: str, evalscope_wheel: str, lm_eval_wheel: str, out: str | None, show: int) -> None:
    """Compare every constraint of every prompt on varied answers, by the strict and by the loose rule."""
    random.seed(0)  # lm-eval draws a letter where it takes one for missing
    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)  # it logs texts whose language it cannot tell
    judges = {
        **dict.fromkeys(TEST, evalscope(evalscope_wheel)),
        **dict.fromkeys(IFEVAL, lm_eval(lm_eval_wheel)),
    }
    strict, loose = ({id: Tally() for id in judges} for _ in range(2))
    for id, kwargs, text in cases(Path(data) / "ifbench"):
        ours = check(id, text, kwargs)
        differs = strict[id].add(ours, judges[id].strict(id, kwargs, text))
        loose[id].add(check_loosely(id, text, kwargs), judges[id].loose(id, kwargs, text))
        if differs and strict[id].differ <= show:
            shown = {name: str(value)[:60] for name, value in kwargs.items()}
            click.echo(f"{id} {shown} ours {ours}: {text[:300]!r}")
    page = table(strict, loose)
    if out:
        Path(out).write_text(page, encoding="utf-8")
    else:
        click.echo(page)


def cases(folder: Path) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Constraint, parameters and text, for every constraint of every prompt and each of its answers."""
    for name in FILES:
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            pairs = list(zip(row["instruction_id_list"], row["kwargs"], strict=True))
            for place, (id, kwargs) in enumerate(pairs):
                others = [pair for other, pair in enumerate(pairs) if other != place]
                for text in answers(id, kwargs, row["prompt"], others, f"{name}/{row['key']}"):
                    yield id, kwargs, text


if __name__ == "__main__":
    main()
