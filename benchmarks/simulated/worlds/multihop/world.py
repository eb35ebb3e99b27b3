"""A bundled invented world: about 240 short articles and 300 two-hop questions, generated from a seed.

Towns lie on rivers; people are born in towns; instruments and books are made by people; festivals are held
in towns. A page names the page one needs next, and that page seldom names it back, so a search with the
question alone finds the first page and misses the second. Most pages also name somebody or somewhere that
leads astray. Some questions compare two pages, by yes or no or by a choice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.simulated.text import word_list
from benchmarks.simulated.worlds.multihop.world_names import Names
from benchmarks.simulated.worlds.multihop.world_questions import ask

MONTHS = word_list("""
    January February March April May June July August September October November December
    """)
PROVINCES = ("Ostland", "Varrenia", "Kelmark", "Thalia", "Upper Morra", "Lower Morra")
SEAS = ("Grey Sea", "Bay of Ulm", "Lake Sarnic", "Straits of Hale")
TRADES = ("clockmaker", "botanist", "composer", "engraver", "surveyor", "teacher", "glassblower", "physician")
MATERIALS = ("pear wood", "brass", "horn", "porcelain", "walnut", "tin")


@dataclass(frozen=True)
class Article:
    """A page: a title and its sentences. `facts` gives, by relation, the value and its sentence."""

    title: str
    kind: str
    sentences: tuple[str, ...]
    facts: dict[str, tuple[str, str]]

    @property
    def text(self) -> str:
        """All sentences in a row."""
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Question:
    """A question, its answer, and the (title, sentence) pairs that prove it."""

    text: str
    answer: str
    support: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class World:
    """All articles, and all questions in a shuffled order."""

    articles: tuple[Article, ...]
    questions: tuple[Question, ...]


def build_world(seed: int = 0) -> World:
    """The world of `seed`: the same one for the same seed, everywhere."""
    rng = random.Random(f"world/{seed}")
    names = Names(rng)
    rivers = [_river(names.river(), rng) for _ in range(24)]
    towns = [_town(names.town(), rng.choice(rivers), rng) for _ in range(56)]
    people = [_person(names.person(), rng.choice(towns), rng.choice(towns), rng) for _ in range(76)]
    works = [_instrument(names.instrument(), rng.sample(people, 2), rng) for _ in range(28)]
    works += [_book(names.book(), rng.sample(people, 2), rng.choice(towns), rng) for _ in range(32)]
    festivals = [
        _festival(names.festival(), rng.sample(towns, 2), rng.choice(people), rng) for _ in range(24)
    ]
    articles = [*rivers, *towns, *people, *works, *festivals]
    questions = [Question(*parts) for parts in ask({article.title: article for article in articles}, rng)]
    rng.shuffle(articles)
    return World(tuple(articles), tuple(questions))


def _article(
    title: str, kind: str, facts: dict[str, tuple[str, str]], extra: list[str], rng: random.Random
) -> Article:
    """Puts the facts' sentences (a sentence may say several) and some extra ones in order."""
    lines = list(dict.fromkeys(sentence for _, sentence in facts.values()))
    first, rest = lines[0], lines[1:] + extra
    rng.shuffle(rest)
    return Article(title, kind, (first, *rest), facts)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _date(rng: random.Random, low: int, high: int) -> tuple[str, str]:
    year = str(rng.randint(low, high))
    return f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {year}", year


def _river(title: str, rng: random.Random) -> Article:
    sea, length = rng.choice(SEAS), str(rng.randint(41, 389))
    source = f"The {rng.choice(('Hark', 'Sorrel', 'Pine', 'Brack', 'Tolm'))} Hills"
    mouth = f"The {title} is a river that flows into the {sea}."
    size = f"It is {length} kilometres long and rises in {source[0].lower() + source[1:]}."
    facts = {"sea": (sea, mouth), "length": (length, size)}
    return _article(
        title, "river", facts, ["Barges carried slate and wool on it until the railway came."], rng
    )


def _town(title: str, river: Article, rng: random.Random) -> Article:
    province = rng.choice(PROVINCES)
    people, (_, year) = f"{rng.randint(3, 98)},{rng.randint(100, 999)}", _date(rng, 1102, 1699)
    place = f"{title} is a town in the province of {province}, on the {river.title}."
    count = f"At the last census it had {people} inhabitants."
    charter = f"Its charter was granted in {year}."
    facts = {
        "river": (river.title, place),
        "province": (province, place),
        "population": (people, count),
        "charter": (year, charter),
    }
    extra = rng.sample(
        [
            "The market square is lined with lime trees.",
            "A tramway joined it to the coast for forty years.",
            "Its salt works closed long ago.",
            "The old town hall now holds a small museum.",
        ],
        1,
    )
    return _article(title, "town", facts, extra, rng)


def _person(title: str, birthplace: Article, other: Article, rng: random.Random) -> Article:
    trade, (day, year) = rng.choice(TRADES), _date(rng, 1701, 1889)
    who = f"{title} (born {day}) was {_a(trade)}."
    where = f"{title.split()[-1]} grew up in {birthplace.title}, a birthplace the family left later."
    later = f"From {int(year) + rng.randint(24, 40)} on the {trade} worked in {other.title}."
    facts = {"birthday": (day, who), "trade": (trade, who), "birthplace": (birthplace.title, where)}
    return _article(title, "person", facts, [later], rng)


def _instrument(title: str, people: list[Article], rng: random.Random) -> Article:
    maker, other = people
    _, year = _date(rng, 1740, 1929)
    stuff = rng.choice(MATERIALS)
    made = f"The {title} is an instrument of {stuff} which was invented by {maker.title} in {year}."
    played = f"Its best known player was {other.title}, who toured with it."
    facts = {"maker": (maker.title, made), "year": (year, made)}
    return _article(title, "instrument", facts, [played, "Few examples are left in playing order."], rng)


def _book(title: str, people: list[Article], town: Article, rng: random.Random) -> Article:
    author, other = people
    _, year = _date(rng, 1750, 1935)
    written = f"{title} is a novel whose author is {author.title}; it came out in {year}."
    setting = f"Its story is set in the town of {town.title} during a flood."
    praise = f"{other.title} called it the best book of its time."
    facts = {"maker": (author.title, written), "year": (year, written), "setting": (town.title, setting)}
    return _article(title, "book", facts, [praise], rng)


def _festival(title: str, towns: list[Article], founder: Article, rng: random.Random) -> Article:
    town, other = towns
    _, year = _date(rng, 1650, 1949)
    held = f"The {title} is a festival held every {rng.choice(MONTHS)} in {town.title}."
    began = f"It was founded in {year} by {founder.title}."
    rival = f"A smaller copy of it in {other.title} did not last."
    facts = {"place": (town.title, held), "maker": (founder.title, began), "year": (year, began)}
    return _article(title, "festival", facts, [rival], rng)
