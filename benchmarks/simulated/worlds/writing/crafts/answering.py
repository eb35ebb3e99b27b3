"""Answers to the test's constraints that are tasks of their own."""

from __future__ import annotations

import string
from collections.abc import Mapping

from benchmarks.scorers.ifbench.wordlists import NORTHERN_CAPITALS
from benchmarks.simulated.worlds.writing.crafts import vocabulary
from benchmarks.simulated.worlds.writing.crafts.craft import Craft, sentence_of

_COUNTRIES = """
    Algeria, Angola, Benin, Botswana, Burkina Faso, Burundi, Cameroon, Cape Verde, Central African
    Republic, Chad, Comoros, Congo, Djibouti, Egypt, Equatorial Guinea, Eritrea, Eswatini, Ethiopia,
    Gabon, Gambia, Ghana, Guinea, Guinea-Bissau, Ivory Coast, Kenya, Lesotho, Liberia, Libya,
    Madagascar, Malawi, Mali, Mauritania, Mauritius, Morocco, Mozambique, Namibia, Niger, Nigeria,
    Rwanda, Sao Tome and Principe, Senegal, Seychelles, Sierra Leone, Somalia, South Africa, South
    Sudan, Sudan, Tanzania, Togo, Tunisia, Uganda, Zambia, Zimbabwe
"""


def multiples(draft: str) -> str:
    return ", ".join(str(number) for number in range(14, 51, 7))


def mcq_count_length(draft: str) -> str:
    words = vocabulary.some(vocabulary.words(), 40, draft)
    blocks = []
    for number in range(1, 5):
        asked = f"Question {number}: Which of these is {' '.join(words[: 2 * number])}?"
        blocks.append(
            "\n".join([asked, *(f"{letter}) {words[10 + place]}" for place, letter in enumerate("ABCDE"))])
        )
    return "\n\n".join(blocks)


def reverse_newline(draft: str) -> str:
    return "\n".join(sorted((" ".join(name.split()) for name in _COUNTRIES.split(",")), reverse=True))


def word_reverse(draft: str) -> str:
    return "Symbol national the is eagle bald the"


def character_reverse(draft: str) -> str:
    return "The bald eagle is the symbol."[::-1]


def sentence_alphabet(draft: str) -> str:
    words = [
        vocabulary.some(vocabulary.starting_with(letter), 1, draft)[0] for letter in string.ascii_lowercase
    ]
    return " ".join(sentence_of([word, "went", "home"]) for word in words)


def european_capitals_sort(draft: str) -> str:
    return ", ".join(NORTHERN_CAPITALS)


def csv_city(draft: str) -> str:
    rows = [f"{number},France,Lyon,{1990 + number},{number * 7}" for number in range(1, 8)]
    return "\n".join(["ID,Country,City,Year,Count", *rows])


def csv_special_character(draft: str) -> str:
    rows = [f'{number},Tools,"Brand & Sons",{number}.50,{number * 3}' for number in range(1, 15)]
    return "\n".join(["ProductID,Category,Brand,Price,Stock", *rows])


def csv_quotes(draft: str) -> str:
    rows = [["StudentID", "Subject", "Grade", "Semester", "Score"]]
    rows += [[str(number), "Maths", "A", "Fall", str(90 + number)] for number in range(1, 4)]
    return "\n".join("\t".join(f'"{field}"' for field in row) for row in rows)


def date_format_list(draft: str) -> str:
    return "1796-04-12, 1805-12-02, 1806-10-14, 1812-09-07, 1815-06-18"


CRAFTS: Mapping[str, Craft] = {
    "custom:multiples": multiples,
    "custom:mcq_count_length": mcq_count_length,
    "custom:reverse_newline": reverse_newline,
    "custom:word_reverse": word_reverse,
    "custom:character_reverse": character_reverse,
    "custom:sentence_alphabet": sentence_alphabet,
    "custom:european_capitals_sort": european_capitals_sort,
    "custom:csv_city": csv_city,
    "custom:csv_special_character": csv_special_character,
    "custom:csv_quotes": csv_quotes,
    "custom:date_format_list": date_format_list,
}
