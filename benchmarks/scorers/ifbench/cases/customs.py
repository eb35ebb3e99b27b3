"""Cases of the test's constraints that are tasks of their own."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases
from benchmarks.scorers.ifbench.wordlists import NORTHERN_CAPITALS

_OPTIONS = "\nA) a\nB) b\nC) c\nD) d\nE) e\n\n"
_QUIZ = "".join(f"Question {n}: Why{' oh why' * n}?{_OPTIONS}" for n in range(1, 5))
_LANDS = "\n".join(["Zimbabwe", "Zambia", *(f"Land {n:02}" for n in range(60, 10, -1))])
_TALE = " ".join(f"{chr(65 + n)}nna went." for n in range(26))
_CITIES = "ID,Country,City,Year,Count\n" + "\n".join(f"{n},France,Lyon,1990,7" for n in range(7))
_GOODS = "ProductID,Category,Brand,Price,Stock\n" + "\n".join(f"{n},Tool,Saw,1,2" for n in range(13))
_FIELDS = ('"StudentID"', '"Subject"', '"Grade"', '"Semester"', '"Score"')
_MARKS = "\n".join("\t".join(row) for row in [_FIELDS, *[('"1"', '"Maths"', '"A"', '"Fall"', '"90"')] * 3])

CASES: Mapping[str, Cases] = {
    "custom:multiples": cases(
        ["14, 21, 28, 35, 42, 49", "14,21,28,35,42,49", "14\n21\n28\n35\n42\n49"],
        ["14, 21, 28, 35, 42", "From 10 to 50: 14, 21, 28, 35, 42, 49", "7 14 21 28 35 42 49", "none"],
    ),
    "custom:mcq_count_length": cases(
        [_QUIZ, _QUIZ.replace(")", ".").lower().replace("question", "Question")],
        [
            f"Here: {_QUIZ}",
            _QUIZ.replace("E) e", "", 1),
            _QUIZ * 2,
            "Question 1: Why?",
            _QUIZ.replace(" oh why", ""),
        ],
    ),
    "custom:reverse_newline": cases(
        [
            _LANDS,
            f"Here they are:\n{_LANDS}",
            _LANDS.replace("\n", "\n\n"),
            _LANDS.replace("Zambia", "Zámbia"),
        ],
        [_LANDS.replace("Zambia", "Angola"), "Zimbabwe\nZambia", _LANDS.removeprefix("Zimbabwe\n")],
    ),
    "custom:word_reverse": cases(
        [
            "US the of symbol the is eagle bald the",
            "Eagle bald.",
            "symbol, the: eagle Bald",
            "eagles bald not",
        ],
        ["The bald eagle", "elgae dlab", "eagle the bald"],
    ),
    "custom:character_reverse": cases(
        ["elgae dlab ehT", "ELGAE DLAB", "it: elgae dlab."],
        ["bald eagle", "eagle bald", "dlab elgae"],
    ),
    "custom:sentence_alphabet": cases(
        [_TALE, _TALE.lower(), _TALE.replace(". ", "!\n")],
        [
            _TALE.removesuffix(" Znna went."),
            f"{_TALE} So.",
            _TALE.replace("Bnna", "Cnna"),
            _TALE.replace("Ann", "(An"),
        ],
    ),
    "custom:european_capitals_sort": cases(
        [
            ", ".join(NORTHERN_CAPITALS),
            ",".join(NORTHERN_CAPITALS),
            ", ".join(NORTHERN_CAPITALS).replace("Reyk", "Réyk"),
        ],
        [
            ", ".join(sorted(NORTHERN_CAPITALS)),
            ", ".join(NORTHERN_CAPITALS[1:]),
            ", ".join(NORTHERN_CAPITALS) + ".",
        ],
    ),
    "custom:csv_city": cases(
        [_CITIES, _CITIES.replace("Lyon", '"Lyon, France"'), f"{_CITIES}\n"],
        [
            _CITIES.replace("ID", "Id"),
            f"{_CITIES}\n8,France,Lyon,1990,7",
            _CITIES.replace(",7", ""),
            f"```\n{_CITIES}\n```",
        ],
    ),
    "custom:csv_special_character": cases(
        [f'{_GOODS}\n14,Tool,"A & B",1,2', _GOODS.replace("1,Tool", '1,"Tool!"', 1) + "\n14,Tool,Saw,1,2"],
        [
            f"{_GOODS}\n14,Tool,Saw,1,2",
            f'{_GOODS}\n14,Tool,"Saw",1,2',
            f"{_GOODS}\n14,Tool,A & B,1,2",
            f'{_GOODS}\n14,"&"',
        ],
    ),
    "custom:csv_quotes": cases(
        [_MARKS, _MARKS.replace('"StudentID"', "StudentID").replace("StudentID", '"StudentID"')],
        [
            _MARKS.replace('"A"', "A"),
            _MARKS.replace("\t", ","),
            _MARKS.rpartition("\n")[0],
            _MARKS.replace('"90"', ""),
        ],
    ),
    "custom:date_format_list": cases(
        ["1796-04-12", "1796-04-12, 1805-12-02", "1796-04-12,1805-12-02 \n", "1800-02-29"],
        ["1796-4-12", "1796-04-12.", "1650-01-01", "1800-13-01", "1800-04-31", "1800-02-30", "1796-04-12,"],
    ),
}
