"""The test constraints that are tasks of their own, with a fixed answer or a fixed form."""

from __future__ import annotations

import csv
import io
import re
import string
import unicodedata
from itertools import pairwise

from benchmarks.scorers.ifbench.registry import constraint, fails_without
from benchmarks.scorers.ifbench.text import EDGES, sentences, without_punctuation
from benchmarks.scorers.ifbench.wordlists import NORTHERN_CAPITALS
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError

_QUESTION = re.compile(r"Question \d+[.|):;]?\s*")
_OPTION = re.compile(r"[A-Ea-e][.|)]\s*\w")
_COUNTRIES = 52
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


@constraint("custom:multiples", "The answer counts from 10 to 50 and prints only the multiples of 7.")
def multiples(text: str) -> bool:
    return re.findall(r"\d+", text) == [str(number) for number in range(14, 51, 7)]


@constraint(
    "custom:mcq_count_length",
    "The answer is four multiple choice questions labelled 'Question' and a number, each longer than the one "
    "before it, each with five options, and nothing comes before them.",
)
def mcq_count_length(text: str) -> bool:
    asked = [part.strip() for part in _QUESTION.split(text) if part.strip()]
    if not text.startswith("Question") or len(asked) != 4:
        return False
    lengths = [_question_length(part) for part in asked]
    return None not in lengths and all(a < b for a, b in pairwise(n for n in lengths if n is not None))


def _question_length(part: str) -> int | None:
    """The length of a question's text before its first option; None without exactly five options."""
    lines = [line.strip() for line in part.split("\n")]
    places = [place for place, line in enumerate(lines) if _OPTION.match(line)]
    return len(" ".join(lines[: places[0]]).strip()) if len(places) == 5 else None


@constraint(
    "custom:reverse_newline",
    "The answer lists the countries of Africa from Z to A, each on a line of its own.",
)
def reverse_newline(text: str) -> bool:
    lines = [line for raw in text.split("\n") if (line := raw.strip(EDGES))]
    start = next((place for place, line in enumerate(lines) if "Zimbabwe" in line), len(lines))
    listed = [_plain(line) for line in lines[start:]]
    return len(listed) >= _COUNTRIES and listed == sorted(listed, reverse=True)


@constraint(
    "custom:word_reverse",
    "The answer is a sentence on the national symbol of the US, its words in reverse order.",
)
def word_reverse(text: str, *, rules: Rules) -> bool:
    turned = " ".join(without_punctuation(text.lower()).split()[::-1])
    return "bald eagle" in turned and turned in sentences(turned, rules)


@constraint(
    "custom:character_reverse",
    "The answer is a sentence on the national symbol of the US, its letters in reverse order.",
)
def character_reverse(text: str) -> bool:
    return "bald eagle"[::-1] in text.lower()


@constraint(
    "custom:sentence_alphabet",
    "The answer is a story of 26 sentences that begin with the letters a to z in order.",
)
def sentence_alphabet(text: str, *, rules: Rules) -> bool:
    found = [sentence.lstrip().lower() for sentence in sentences(text, rules)]
    if len(found) != len(string.ascii_lowercase):
        return False
    for sentence, letter in zip(found, string.ascii_lowercase, strict=True):
        if not sentence:
            return fails_without(rules, "a sentence has no word")
        if sentence[0] != letter:
            return False
    return True


@constraint(
    "custom:european_capitals_sort",
    "The answer lists the European capitals north of 45 degrees, from north to south, separated by commas.",
)
def european_capitals_sort(text: str) -> bool:
    listed = tuple(name.strip() for name in _plain(text).split(",") if name.strip())
    return listed == NORTHERN_CAPITALS


@constraint(
    "custom:csv_city", "The answer is CSV with the columns ID, Country, City, Year and Count, and seven rows."
)
def csv_city(text: str) -> bool:
    rows = _read_csv(text, ",")
    header = ["ID", "Country", "City", "Year", "Count"]
    return len(rows) == 8 and rows[0] == header and all(len(row) == 5 for row in rows)


@constraint(
    "custom:csv_special_character",
    "The answer is CSV with the columns ProductID, Category, Brand, Price and Stock, and fourteen rows; one "
    "field holds a special character and stands in double quotes.",
)
def csv_special_character(text: str) -> bool:
    if not _has_header(text, ("ProductID", "Category", "Brand", "Price", "Stock"), r",[ \t]*"):
        return False
    rows = _read_csv(_keep_quotes(text), ",")
    if len(rows) != 15:
        return False
    for row in rows[1:]:
        if len(row) != 5:
            return False
        if any(_quotes_special_character(field) for field in row):
            return True  # the rows after it are not looked at, as in the benchmark
    return False


def _quotes_special_character(field: str) -> bool:
    line = field.partition("\n")[0]
    return line.startswith('"') and re.search(r"[^\w\s]", line[1 : max(1, line.rfind('"'))]) is not None


@constraint(
    "custom:csv_quotes",
    "The answer is data with tabs between the columns StudentID, Subject, Grade, Semester and Score, and "
    "three rows; every field stands in double quotes.",
)
def csv_quotes(text: str) -> bool:
    if not _has_header(text, ("StudentID", "Subject", "Grade", "Semester", "Score"), r"\t *"):
        return False
    rows = _read_csv(_keep_quotes(text), "\t")
    if len(rows) != 4:
        return False
    for row in rows:
        if len(row) != 5:
            return False
        for field in map(str.strip, row):
            if not field:
                raise StopsError("a field is empty")
            if not (field.startswith('"') and field.endswith('"')):
                return False
    return True


@constraint(
    "custom:date_format_list",
    "The answer is a list of dates of Napoleon's battles, written YYYY-MM-DD and separated by commas.",
)
def date_format_list(text: str) -> bool:
    return all(_is_date(part.strip()) for part in text.split(","))


def _is_date(text: str) -> bool:
    """Whether it is a plausible date in Napoleon's lifetime. A zero for month or day goes unnoticed."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    year, month, day = map(int, text.split("-"))
    return 1769 <= year <= 1821 and month <= 12 and day <= (_LONGEST_MONTH.get(month, 31) if month else 99)


def _plain(text: str) -> str:
    """`text` in ASCII: accents are dropped, and what has no plain form."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _has_header(text: str, names: tuple[str, ...], separator: str) -> bool:
    pattern = separator.join(f'(?:{name}|"{name}")' for name in names)
    return re.fullmatch(pattern, text.split("\n")[0].strip()) is not None


def _keep_quotes(text: str) -> str:
    """CSV text whose quotation marks are part of the fields when it is read."""
    return text.replace('"', '"""')


def _read_csv(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise StopsError(f"it is no CSV: {error}") from error
