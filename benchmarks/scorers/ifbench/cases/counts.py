"""Cases of the counting constraints of the test."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases

_NAMED = {"keyword1": "elm", "keyword2": "oak", "keyword3": "ash", "keyword4": "fir", "keyword5": "yew"}
_TREES = "elm oak oak ash ash ash fir fir fir fir fir yew yew yew yew yew yew"

CASES: Mapping[str, Cases] = {
    "count:word_count_range": cases(
        ["one two three", "don't do", "one two three, four!", "été à Paris"],
        ["one two", "one two three four five", "... !!!", "a-b-c-d-e"],
        min_words=3, max_words=4,
    ),
    "count:unique_word_count": cases(
        ["red green blue", "red, (green) blue!", "Red red green blue", "red green ..."],
        ["red green", "red Red RED green", "red. red, green"],
        n=3,
    ),
    "count:conjunctions": cases(
        ["and or but", "tea and milk, or water; but yet", "And and or"],
        ["and or", "and and and", "andor butter nortern", "and because while"],
        small_n=3,
    ),
    "count:person_names": cases(
        ["Emma met Liam.", "Emma, Emma and (Noah)!", "Ava's cat and Leo"],
        ["Emma and emma", "Emmanuel met Leonard", "Miami is far from Stellar", "Bob met Alice"],
        N=2,
    ),
    "count:numbers": cases(
        ["7 and 8", "1,000 sheep and 2.5 dogs", "room 12a, floor 3", "1-2 3"],
        ["seven and eight", "1 2 3", "1,2"],
        N=2,
    ),
    "count:punctuation": cases(
        ["Oh, well; it is: what?! No! Yes? Fine.", "a, b; c: d\u203d e? f! g.", "a!? b? c! d, e; f: g."],
        ["Oh, well; it is: what? No! Fine.", "a, b; c: what?!", "Oh, well; what?! No! Yes? Fine."],
    ),
    "count:words_japanese": cases(
        ["one two 水 four five 水", "one two みず", "one two 3 four five 水!", "one two"],
        ["one two three", "one two 水 four five six", "水 水 word"],
        N=3,
    ),
    "count:pronouns": cases(
        ["I see you and her", "she/her/hers", "This is what everyone knows", "it's mine; yours too"],
        ["I see you", "Illness and yourselfish them", "he said so"],
        N=3,
    ),
    "count:keywords_multiple": cases(
        [f"{_TREES} yew", f"{_TREES} yews".title(), f"Elm. {_TREES.removeprefix('elm ')} yew!"],
        [_TREES, f"{_TREES} yew yew", f"{_TREES} yew oaken", "elm"],
        **_NAMED,
    ),
    "ratio:stop_words": cases(
        ["the river", "Rivers carry water", "don't run rivers fast", "The mill the river mill"],
        ["the", "it is a river", "..."],
        percentage=50,
    ),
    "ratio:sentence_type": cases(
        ["One. Two. Three?", "Wow!", "no mark at all", "It is 3.5 km. Dr. Lane left. Why?"],
        ["One. Two?", "One.", "What?", "One. Two. Three. Four?"],
    ),
    "ratio:sentence_balance": cases(
        ["One. Two? Three!", "no mark", "One. Two? Three! Four. Five? Six!"],
        ["One. Two?", "One. Two? Three!!", "Wow!"],
    ),
    "ratio:sentence_words": cases(
        ["Red sky. Big sea. Old man.", "So it is. So it is. So it is."],
        ["Red sky. Big sea.", "Red sky. Big sea. An old man.", "Red sky. Big sea. Old man. Hot tea."],
    ),
    "ratio:overlap": cases(
        ["abcdxyz", "abcd---", "bcdeXYZ"],
        ["abcdefg", "zzzzzz", "ab", "abcde12"],
        percentage=40, reference_text="abcdefg",
    ),
    "sentence:keyword": cases(
        ["One here. The lamp is lit.", "Is it? LAMP! Yes.", "Dr. Lane left. A lamp-post."],
        ["The lamp. Is lit.", "One here. The lamps are lit.", "lamp", "One. Two. A lamp."],
        word="lamp", N=2,
    ),
    "sentence:increment": cases(
        ["One. One two three. One two three four five.", "Just one sentence here.", "A b. A b c d!"],
        ["One. One two.", "One two three. One.", "One. One two three. One two three."],
        small_n=2,
    ),
    "sentence:alliteration_increment": cases(
        ["Red sky. Big bears. Big brown bears.", "One only.", "To be. Wild winds blow."],
        ["Big bears. Red sky.", "Red sky. Old man.", "Big bears. Wild winds."],
    ),
}  # fmt: skip
