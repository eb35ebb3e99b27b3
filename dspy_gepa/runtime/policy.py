"""When to try again, when to give up, and how much to run at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again, and when to give up.

    Attributes:
        attempts: How often one effect is tried before the run stops.
        failures_in_a_row: Failed rollouts, or failed reflections, without a success of their kind in between
            after which the run stops. A burst of refused requests counts once, and a rollout that ran out
            of time not at all.
        first_delay: Seconds before the second attempt; doubled for each further one.
        longest_delay: Most seconds between attempts, unless the provider asks for more (Retry-After).
        timeout: Seconds after which a rollout is given up and tried again; None waits for ever.
        timeouts: So many times, while other rollouts finish; then it counts as the program's failure. When no
            other finishes, the provider may be silent: that is a failed attempt like any other.
        timeout_score: Its score in that case; `GEPA` puts its own `failure_score` here.
        straggler_factor: A rollout that takes this many times the median is started a second time, and the
            first answer counts.
        straggler_seconds: Never before it has run that long.
        grace: Seconds that what is running is given to end when the run has to stop.
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
    grace: float = 30.0

    def delay(self, attempt: int, retry_after: float | None, rng: Random) -> float:
        """Seconds to wait after failed attempt number `attempt`: exponential with jitter, or as asked for."""
        backoff = min(self.longest_delay, self.first_delay * 2 ** (attempt - 1)) * rng.uniform(0.5, 1.0)
        return float(max(backoff, retry_after or 0.0))


class AdaptiveLimit:
    """Concurrency that halves when the provider is overloaded and creeps back with every success."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._value = float(most)
        self._lowered_at = -math.inf

    @property
    def value(self) -> int:
        """How many may run now; at least one."""
        return max(1, int(self._value))

    def overloaded(self, started: float, now: float) -> bool:
        """The provider asked for fewer requests. Whether that is news, so that concurrency was lowered.

        Attempts that were under way at the last lowering, those of one burst, say nothing new.

        Args:
            started: When the attempt that it refused was started.
            now: When it did.
        """
        if started < self._lowered_at:
            return False
        self._value = max(1.0, self._value / 2)
        self._lowered_at = now
        return True

    def succeeded(self) -> None:
        """The provider answered."""
        self._value = min(float(self._most), self._value + 1.0 / self._value)
