"""The conventions by kind of value: dates, amounts, names, units, codes and places, five each.

A canonical value (what a careful clerk would write) is messed up by the conventions a row needs, and mended
by those the instructions ask for.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.records.conventions import (
    DROP,
    HARMS,
    Convention,
    Edit,
    Replacement,
    lower,
    upper,
)


def _rule(
    topic: str,
    mess: tuple[str, Replacement],
    mend: tuple[str, Replacement],
    cue: str,
    *wordings: str,
) -> Convention:
    return Convention(topic, Edit(*mend), cue, wordings, Edit(*mess))


_DATE = (
    _rule(
        "how the parts of the date are joined", ("-", "/"), (r"(?<=\d)/(?=\d)", "-"),
        r"\b(?:hyphens?|dashes)\b",
        "Join year, month and day by hyphens.", "Use hyphens between the parts, whatever stands there.",
        "Slashes become dashes.", "Between the parts of a date write nothing but hyphens.",
    ),
    _rule(
        "the width of month and day", (r"\b0(\d)\b", r"\1"), (r"(?<![\d:])(\d)(?![\d:])", r"0\1"),
        r"\btwo digits\b|\bleading zeros?\b|\btwo-digit (?:months?|days?)\b",
        "Write months and days with two digits.", "Give month and day a leading zero where they are short.",
        "Always use two-digit months and two-digit days.", "Fill up to two digits.",
    ),
    _rule(
        "the century of the year", (r"\b20(\d\d)(?=[-/])", r"\1"), (r"(?<![-/\d:])(\d\d)(?=[-/]\d)", r"20\1"),
        r"\bfour digits\b|\bcentury\b|\bfull years?\b",
        "Write the year with four digits.", "Complete short years by their century, 20.",
        "Years need their century.", "Give the full year, such as 2021.",
    ),
    _rule(
        "the time of day", ("$", " 14:05h"), (r"\s*\b\d\d:\d\dh", ""), DROP + r"\b(?:clock|times?|hours?)\b",
        "Drop the time of day.", "Leave out clock times.", "Remove hours and minutes.",
        "Strip any time that follows.",
    ),
    _rule(
        "the weekday", ("^", "Tue "), (r"\b(?:Mon|Tue|Wed|Thu|Fri)\s+", ""),
        DROP + r"\b(?:weekdays?|days? of the week)\b",
        "Drop the weekday.", "Leave out the day of the week.", "Do not keep weekdays.",
        "Remove the name of the weekday in front.",
    ),
)  # fmt: skip
_AMOUNT = (
    _rule(
        "the grouping of thousands", (r"(\d)(\d{3})(?=\.)", r"\1,\2"), (r"(?<=\d),(?=\d{3})", ""),
        r"\bthousands?\b|\bwithout (?:any )?grouping\b",
        "Write thousands in one run of digits.", "Remove commas that mark thousands.",
        "Give the digits without any grouping.", "Close the gap at the thousands.",
    ),
    _rule(
        "the number of decimals", (r"(\.\d)0\b", r"\1"), (r"(\.\d)(?!\d)", r"\g<1>0"),
        r"\btwo decimals?\b|\btwo decimal places\b|\bcents\b",
        "Always give two decimals.", "Write the cents in full.", "Amounts have two decimal places.",
        "Show cents even when they end in zero.",
    ),
    _rule(
        "the currency", ("USD", "dollars"), (r"\bdollars\b", "USD"),
        r"\bcurrency code\b|\bthree[- ]letter\b|\bUSD\b",
        "Use the three-letter currency code.", "Write USD for dollars.",
        "Name the currency by its three letter code.", "Give the currency code in place of its name.",
    ),
    _rule(
        "the sign", (r"^(\D*)(\d)", r"\1+\2"), (r"\+(?=\d)", ""),
        DROP + r"\bplus\b|\bpositive\b.{0,40}\bbare\b",
        "Drop a plus sign.", "Leave out the plus in front.", "Positive amounts stand bare.",
        "Strip any plus.",
    ),
    _rule(
        "the mark of approximation", ("^", "ca. "), (r"\bca\.\s*", ""),
        DROP + r"\b(?:approximat\w+|ca|about|circa)\b",
        "Drop marks of approximation.", "Leave out words such as circa.", "Remove every ca. in front.",
        "Strip approximations down to the figure.",
    ),
)  # fmt: skip
_NAME = (
    _rule(
        "the use of capitals", (r"\w+", lower), (r"\b[a-z]", upper), r"\bcapital\w*\b|\bupper[- ]case\b",
        "Begin each part of a name with a capital.", "Capitalise first name and family name.",
        "Names start in upper case.", "Give both names their capital letters.",
    ),
    _rule(
        "the order of the names", (r"(\w+) (\w+)$", r"\2, \1"), (r"([\w'-]+), (\w+)", r"\2 \1"),
        r"\b(?:first|given) name (?:first|before|in front|comes)\b|"
        r"\bfamily name (?:last|comes after|at the end)\b",
        "Write the first name before the family name.", "Put the family name last.",
        "The given name comes in front.", "Turn names around so that the family name comes after.",
    ),
    _rule(
        "the title", ("^", "Dr. "), (r"(?i)\bdr\.\s+", ""), DROP + r"\b(?:titles?|honorifics?|degrees?)\b",
        "Drop titles.", "Leave out honorifics such as Dr.", "Remove degrees and forms of address.",
        "Do not keep academic titles.",
    ),
    _rule(
        "the initial", ("$", " Q."), (r"\s[A-Za-z]\.(?=\s|$)", ""), DROP + r"\binitials?\b",
        "Drop initials.", "Leave out any initial.", "Remove single-letter initials.",
        "Strip an initial at the end.",
    ),
    _rule(
        "the alias", ("$", " (JD)"), (r"\s*\([^)]*\)", ""),
        DROP + r"\b(?:alias\w*|nicknames?|parenthes[ie]s)\b",
        "Drop an alias.", "Leave out nicknames.", "Remove what stands in parentheses.",
        "Do not copy aliases.",
    ),
)  # fmt: skip
_UNIT = (
    _rule(
        "the gap before the unit", (r"(?<=\d) (?=\w)", ""), (r"(?<=\d)(?=[A-Za-z])", " "),
        r"\b(?:space|blank)\b",
        "Put a space between number and unit.", "Write one blank before the unit.",
        "Number and unit are kept apart by a space.", "Insert the missing blank.",
    ),
    _rule(
        "the name of the unit", ("kg", "kilograms"), ("kilograms", "kg"), r"\b(?:symbols?|abbreviat\w+)\b",
        "Use the symbol of the unit.", "Abbreviate units.", "Write units by their symbols, such as kg.",
        "Give the standard abbreviation of the unit.",
    ),
    _rule(
        "the decimal mark", (r"(?<=\d)\.(?=\d)", ","), (r"(?<=\d),(?=\d)", "."),
        r"\bdecimal points?\b|\bdots?\b",
        "Use a decimal point.", "Turn a decimal comma into a dot.", "Decimals follow a dot.",
        "Write a decimal point where the record has a comma.",
    ),
    _rule(
        "the zeros in front", ("^", "00"), (r"(?<![\d.,])0+(?=\d)", ""), DROP + r"\bzero(?:e?s)?\b",
        "Drop zeros in front.", "Leave out leading zeros.", "Remove padding zeros.",
        "Strip zeros from the left.",
    ),
    _rule(
        "the note after the unit", ("$", " net"), (r"\s+net\b", ""), DROP + r"\b(?:net|gross|notes?)\b",
        "Drop notes such as net.", "Leave out the word net.", "Remove net and gross.",
        "Strip any note after the unit.",
    ),
)  # fmt: skip
_CODE = (
    _rule(
        "the case of the letters", ("[A-Z]+", lower), ("[a-z]+", upper), r"\bcapitals?\b|\bupper[- ]case\b",
        "Write letters as capitals.", "Put codes in upper case.", "Codes have upper-case letters only.",
        "Use capitals throughout.",
    ),
    _rule(
        "the gap inside the code", (r"(?<=[A-Za-z])(?=\d)", "-"), (r"(?<=[A-Za-z])-(?=\d)", ""),
        DROP + r"\b(?:hyphens?|dash\w*)\b|\bone run\b",
        "Remove hyphens within a code.", "Drop the dash.", "Letters and digits form one run.",
        "Leave out dashes between letters and digits.",
    ),
    _rule(
        "the number sign", ("^", "#"), ("#", ""), DROP + r"\b(?:number sign|hash\w*)\b",
        "Drop the number sign.", "Leave out a hash in front.", "Remove hashes.",
        "Strip the leading hash sign.",
    ),
    _rule(
        "the revision", ("$", "/2"), (r"/\d+", ""), DROP + r"\b(?:revisions?|versions?)\b",
        "Drop the revision.", "Leave out version numbers.", "Remove the revision after the slash.",
        "Do not keep versions.",
    ),
    _rule(
        "the star", ("$", "*"), (r"\*", ""), DROP + r"\b(?:stars?|asterisks?)\b",
        "Drop the star.", "Leave out asterisks.", "Remove stars at the end.", "Strip any asterisk.",
    ),
)  # fmt: skip
_PLACE = (
    _rule(
        "what stands between street and town", (r"(?<=Street), ", " / "), (r"\s+/\s+", ", "), r"\bcommas?\b",
        "Put a comma between street and town.", "Use commas between the parts of an address.",
        "Street and town are parted by a comma.", "Turn slashes into commas.",
    ),
    _rule(
        "the word for street", ("Street", "St."), (r"\bSt\.", "Street"),
        r"\babbreviat\w+\b|\bin full\b|\bspell out\b",
        "Spell out the word street.", "Write street in full.", "Expand abbreviations.",
        "Give words in full that the record shortens.",
    ),
    _rule(
        "the flat", ("^", "Flat 3, "), (r"\bFlat \d+,\s*", ""), DROP + r"\b(?:flats?|apartments?)\b",
        "Drop the flat.", "Leave out apartment numbers.", "Remove flat numbers in front.",
        "Do not keep flats.",
    ),
    _rule(
        "the country", ("$", " (NL)"), (r"\s*\(NL\)", ""), DROP + r"\b(?:country|countries)\b",
        "Drop the country.", "Leave out country codes.", "Remove the country at the end.",
        "Strip countries from addresses.",
    ),
    _rule(
        "the postcode", ("$", " 4711"), (r"\s+\d{4}\b", ""), DROP + r"\b(?:postcodes?|postal codes?|zip)\b",
        "Drop the postcode.", "Leave out postal codes.", "Remove the postcode after the town.",
        "Do not copy postcodes.",
    ),
)  # fmt: skip

CONVENTIONS: Mapping[str, tuple[Convention, ...]] = {
    "date": _DATE,
    "amount": _AMOUNT,
    "name": _NAME,
    "unit": _UNIT,
    "code": _CODE,
    "place": _PLACE,
}
KINDS = tuple(CONVENTIONS)


def habits_of(kind: str) -> tuple[Convention, ...]:
    """All that instructions can ask for about a kind of value, good and harmful."""
    return (*CONVENTIONS[kind], *HARMS)


def output_field(kind: str) -> str:
    """The output field of the predictor that handles `kind`."""
    return f"clean_{kind}"
