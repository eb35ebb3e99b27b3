"""The privacy world: a model that redacts and answers, the outside model it asks, and their judge."""

from benchmarks.simulated.privacy.curriculum import PRIVACY
from benchmarks.simulated.privacy.delegate import Delegate
from benchmarks.simulated.privacy.judge import PrivacyJudge
from benchmarks.simulated.privacy.key import Case, PrivacyKey
from benchmarks.simulated.privacy.outside import Outside

__all__ = ["PRIVACY", "Case", "Delegate", "Outside", "PrivacyJudge", "PrivacyKey"]
