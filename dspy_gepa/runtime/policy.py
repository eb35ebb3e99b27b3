"""When to try again, when to give up, and how much to run at a time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again, and when to give up.

    Attributes:
        attempts: How often one effect is tried before the run stops.
        failures_in_a_row: Failed attempts without any success in between after which the run stops.
        first_delay: Seconds before the second attempt; doubled for each further one.
        longest_delay: Most seconds between attempts, unless the provider asks for more (Retry-After).
        timeout: Seconds after which a rollout is given up and tried again; None waits for ever.
        timeouts: So many times; then it counts as the program's failure.
        timeout_score: Its score in that case.
        straggler_factor: A rollout that takes this many times the median is started a second time, and the
            first answer counts.
        straggler_seconds: Never before it has run that long.
    """

    attempts: int = 6
    failures_in_a_row: int = 10
    first_delay: float = 1.0
    longest_delay: float = 60.0
    timeout: float | None = None
    timeouts: int = 2
    timeout_score: float = 0.0
    straggler_factor: float = 10.0
    straggler_seconds: float = 60.0

    def delay(self, attempt: int, retry_after: float | None, rng: Random) -> float:
        """Seconds to wait after failed attempt number `attempt`: exponential with jitter, or as asked for."""
        backoff = min(self.longest_delay, self.first_delay * 2 ** (attempt - 1)) * rng.uniform(0.5, 1.0)
        return float(max(backoff, retry_after or 0.0))


class AdaptiveLimit:
    """Concurrency that halves when the provider is overloaded and creeps back with every success."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._value = float(most)

    @property
    def value(self) -> int:
        """How many may run now; at least one."""
        return max(1, int(self._value))

    def overloaded(self) -> None:
        """The provider asked for fewer requests."""
        self._value = max(1.0, self._value / 2)

    def succeeded(self) -> None:
        """The provider answered."""
        self._value = min(float(self._most), self._value + 1.0 / self._value)
