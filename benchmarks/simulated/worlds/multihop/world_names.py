"""Invented proper names for the bundled world. Nothing here is meant to exist."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from benchmarks.simulated.text import word_list

_STARTS = word_list("""
    Bran Vel Ost Tar Mor Quil Hal Der Fen Gal Ister Jor Kel Lun Mar Nor Orm Pel Rav Sel Thal Ulm Var Wes
    Yar Zel Cor Dun El Fal Gren Hest
    """)
_TOWN_ENDS = word_list("""
    nock mere stead wick holm ford burg haven dale minster brook gate ness combe
    """)
_RIVER_ENDS = word_list("""
    da ra len ith une ver osk ava
    """)
_FIRST = word_list("""
    Orsa Marta Ilse Edvin Tomas Greta Henrik Luda Anselm Brita Casper Dorte Emeric Frida Gustav Hedda
    Ivo Jana Kaspar Lene Milos Nadia Oskar Petra Rolf Sanna Teodor Ulla Viktor Wanda Alma Bruno
    """)
_LAST_ENDS = word_list("""
    quist lin man sen ova ek berg ström ich dahl mark val rane
    """)
_INSTRUMENT_ENDS = word_list("""
    orin ophone andel ivar ette olin arp une
    """)
_BOOK_FIRST = word_list("""
    Glass Silent Copper Winter Hollow Amber Salt Northern Paper Crooked Scarlet Drowned Velvet Iron
    """)
_BOOK_LAST = word_list("""
    Orchard Lantern Harbour Staircase Meadow Clock Garden Bridge Ledger Compass Mirror Tower Ferry
    """)
_FESTIVAL_FIRST = word_list("""
    Lantern Barley Heron Ember Frost Plum Candle Kite Willow Bell Mask Raven Honey Thistle
    """)
_FESTIVAL_LAST = word_list("""
    Week Fair Procession Games Regatta Night Feast
    """)


class Names:
    """A source of names without repeats, driven by one random generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._used: set[str] = set()

    def town(self) -> str:
        """A town's name, as "Velmere"."""
        return self._fresh(lambda: self._join(_STARTS, _TOWN_ENDS))

    def river(self) -> str:
        """A river's name, as "River Ostra"."""
        return self._fresh(lambda: "River " + self._join(_STARTS, _RIVER_ENDS))

    def person(self) -> str:
        """First name and family name."""
        return self._fresh(lambda: f"{self._rng.choice(_FIRST)} {self._join(_STARTS, _LAST_ENDS)}")

    def instrument(self) -> str:
        """An instrument's name, as "Velorin"."""
        return self._fresh(lambda: self._join(_STARTS, _INSTRUMENT_ENDS))

    def book(self) -> str:
        """A book's title, as "The Glass Orchard"."""
        return self._fresh(lambda: f"The {self._rng.choice(_BOOK_FIRST)} {self._rng.choice(_BOOK_LAST)}")

    def festival(self) -> str:
        """A festival's name, as "Heron Regatta"."""
        return self._fresh(lambda: f"{self._rng.choice(_FESTIVAL_FIRST)} {self._rng.choice(_FESTIVAL_LAST)}")

    def _join(self, starts: Sequence[str], ends: Sequence[str]) -> str:
        return self._rng.choice(starts) + self._rng.choice(ends)

    def _fresh(self, make: Callable[[], str]) -> str:
        for _ in range(10_000):
            name = make()
            if name not in self._used:
                self._used.add(name)
                return name
        raise RuntimeError(
            f"No new name left after {len(self._used)} names; the world asks for too many of one kind."
        )
