"""The privacy world: a model that redacts and answers, the outside model it asks, and their judge."""

from benchmarks.simulated.worlds.privacy.curriculum import PRIVACY
from benchmarks.simulated.worlds.privacy.delegate import Delegate
from benchmarks.simulated.worlds.privacy.judge import PrivacyJudge
from benchmarks.simulated.worlds.privacy.key import Case, PrivacyKey
from benchmarks.simulated.worlds.privacy.outside import Outside

__all__ = ["PRIVACY", "Case", "Delegate", "Outside", "PrivacyJudge", "PrivacyKey"]
