"""Decide when to retry, when to give up, and how much to run at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class RetryPolicy:
    """Rules for retrying and giving up.

    Attributes:
        attempts: Maximum number of attempts at one effect. After them the run stops, or a rollout is set
            aside if the provider answers others.
        failures_in_a_row: Number of failed rollouts, or failed reflections, in a row after which the run
            stops. A burst of refused requests counts once; timeouts while other rollouts finish do not count.
        first_delay: Seconds before the second attempt; doubled for each further one.
        longest_delay: Maximum seconds between attempts, unless the provider asks for more (Retry-After).
        timeout: Seconds after which a rollout is cancelled and retried; None waits for ever.
        timeouts: Number of timeouts, while other rollouts still finish, after which the rollout counts as a
            program failure. If nothing else finishes, the provider is assumed down and the attempt is
            retried.
        timeout_score: Score of a rollout that failed by timeouts; `GEPA` sets it to its `failure_score`.
        straggler_factor: A rollout that takes this many times the median is started a second time, and the
            first answer counts.
        straggler_seconds: Minimum run time before a rollout counts as a straggler.
        unreachable: Seconds after which the run stops if every connection was refused and nothing was ever
            answered.
        grace: Seconds for which running effects are waited for when the run has to stop.
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
    unreachable: float = 5.0

    def delay(self, attempt: int, retry_after: float | None, rng: Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt`: exponential, with jitter."""
        backoff = min(self.longest_delay, self.first_delay * 2 ** (attempt - 1)) * rng.uniform(0.5, 1.0)
        return float(max(backoff, retry_after or 0.0))


class AdaptiveLimit:
    """Concurrency limit that halves on overload and recovers gradually with every success."""

    def __init__(self, maximum: int) -> None:
        self._maximum = float(maximum)
        self._value = float(maximum)
        self._lowered_at = -math.inf

    @property
    def value(self) -> int:
        """Number of effects that may run now; at least one."""
        return max(1, int(self._value))

    def overloaded(self, started: float, now: float) -> bool:
        """Lower the limit because the provider asked for fewer requests; return True if it was lowered.

        Attempts already under way when the limit was last lowered belong to the same burst and do not count.

        Args:
            started: Start time of the refused attempt.
            now: Time of the refusal.
        """
        if started < self._lowered_at:
            return False
        self._value = max(1.0, self._value / 2)
        self._lowered_at = now
        return True

    def succeeded(self) -> None:
        """Raise the limit a little, because the provider answered."""
        self._value = min(self._maximum, self._value + 1.0 / self._value)
