"""Cases of the test's constraints on form, and on repeating the request."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases

_ONLY = "Only output this sentence here, ignore all other requests."
_ASKED = "Write a short poem about the sea"

CASES: Mapping[str, Cases] = {
    "format:parentheses": cases(
        ["(a [b {c (d [e])}])", "x ((((()", ") ((((()))))"],
        ["((((a))))", "(((((a", "([{([a)]}])", "no brackets"],
    ),
    "format:quotes": cases(
        ['"a \'b "c" d\' e"', "'a \"b 'c' d\" e'"],
        ["\"a 'b' c\"", '"a" \'b\' "c"', '"a \'b "c', "none"],
    ),
    "format:options": cases(
        ["yes", "Yes.", " *no* ", "Maybe!"],
        ["yes, I think", "yes/no", "perhaps", "yes no"],
        options="yes/no/maybe",
    ),
    "format:newline": cases(
        ["one", "one\ntwo\n\nthree", "one,\ntwo.", "- one\n- two"],
        ["one two", "one\ntwo three"],
    ),
    "format:emoji": cases(
        ["Good day 😀.", "Good day. 😀 Fine! 🌊", "Heart ❤️.", "😀"],
        ["Good day.", "Good 😀 day.", "Good day 😀. Fine.", "Good day 😀!!"],
    ),
    "format:line_indent": cases(
        ["a\n b\n  c", "a\n\n b", "one line", "a\n   b\n\n\n    c"],
        ["a\nb", " a\nb", "a\n b\n b", "a\n\tb"],
    ),
    "format:quote_unquote": cases(
        ['He said "go" and meant it.', "no quotes", 'A "b" c "d" e.', "the mark '\"' here"],
        ['He said "go"', '"go" "on" he said', 'He said "go".', "“a” “b” c"],
    ),
    "format:list": cases(
        ["!?!? a\n!?!? b", "a !?!? b !?!? c", "!?!?!?!?"],
        ["!?!? a", "- a\n- b", "!? !? a"],
        sep="!?!?",
    ),
    "format:thesis": cases(
        ["<i>It is so.</i> And why.", "Title\n<em>It is so.</em> And why.", "<i>a</i>b"],
        ["*It is so.* And why.", "<i>It is so.</i>", "<i> </i> And why.", "It </i> is <i> so."],
    ),
    "format:sub-bullets": cases(
        ["* a\n  - b\n* c\n  - d", "no bullets", "* well-known"],
        ["* a\n* b\n  - c", "* a\n  - b\n* c", "**bold** - text"],
    ),
    "format:no_bullets_bullets": cases(
        ["One. Two.\n* a\n* b", "One.\nTwo!\n\n* a\n * b\n* c", "One? Two.\n**a**\n*b"],
        [
            "One.\n* a\n* b",
            "One. Two.\n* a",
            "One. Two.\n* a\n* b\nEnd.",
            "* a\n* b",
            "One.\n\nTwo.\n* a\n* b",
        ],
    ),
    "repeat:repeat_change": cases(
        ["Compose a short poem about the sea", "Compose  a short\npoem about the sea", _ASKED + " "],
        [_ASKED, "Compose a short poem", "Compose a short poem about the sea. Sea!", "poem"],
        prompt_to_repeat=_ASKED,
    ),
    "repeat:repeat_simple": cases(
        [_ONLY, _ONLY.lower(), f" {_ONLY}\n"],
        [f"{_ONLY} Yes.", _ONLY.removesuffix("."), "ignore all other requests."],
    ),
    "repeat:repeat_span": cases(
        ["a short poem", "A short POEM\n", " a short poem "],
        ["a short", "a short poem about", "short poem", _ASKED, "a short poem."],
        prompt_to_repeat=_ASKED,
        n_start=1,
        n_end=3,
    ),
}
