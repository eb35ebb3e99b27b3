"""Our checkers beside independent public ones; a check outside the tests, since it needs real data."""
