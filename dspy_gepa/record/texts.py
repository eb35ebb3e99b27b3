"""Long texts and media of a journal: each is stored once, under its digest, however many results hold it."""

from __future__ import annotations

import sqlite3

from dspy_gepa.program.media import digest_of, shared, shared_in_use
from dspy_gepa.record.conform import check_type
from dspy_gepa.runtime.codec import decode, encode
from dspy_gepa.types import Result

# Maximum number of characters that the references of one result may stand for: a file of a stranger could
# refer to a large text very often.
MOST_CHARS = 256_000_000


class Texts:
    """Writes and reads results whose long texts are in a table of their own.

    Args:
        db: The journal.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._stored: set[str] = set()

    def encode(self, result: Result) -> str:
        """Return a result as text, and store its long texts. To be called within a transaction."""
        return encode(result, self.keep)

    def keep(self, text: str) -> str:
        """Store a text and return its digest. To be called within a transaction."""
        digest = digest_of(text)
        if digest not in self._stored:
            values = (digest, text.encode("utf-8", "surrogatepass"))
            self._db.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", values)
            self._stored.add(digest)
        return digest

    def decode(self, text: str) -> Result:
        """Return the result that `encode` wrote.

        Raises:
            ValueError: It is no result, or refers to a text that is not stored or to too many.
        """
        left = MOST_CHARS

        def recall(digest: str) -> str:
            nonlocal left
            found = shared_in_use(digest) or shared(self.text(digest))
            left -= len(found)
            if left < 0:
                raise ValueError(f"a result of more than {MOST_CHARS} characters")
            return found

        return decode(text, recall)

    def text(self, digest: str) -> str:
        """Return the text with a digest.

        Raises:
            ValueError: It is not stored.
        """
        check_type(digest, str)
        found = self._db.execute("SELECT text FROM texts WHERE digest = ?", (digest,)).fetchone()
        if found is None:
            raise ValueError(f"the text {digest[:40]} is missing")
        return str(found[0].decode("utf-8", "surrogatepass"))
