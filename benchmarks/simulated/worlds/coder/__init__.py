"""The world of the code tasks.

`CodeCurriculum` rewrites array functions, faster, right or wrong. `CodeWriter` writes them by the advice in
its prompt, which `AdviceCurriculum` rewrites.
"""

from benchmarks.simulated.worlds.coder.advising import AdviceCurriculum, AdviceKnobs
from benchmarks.simulated.worlds.coder.rewriting import CodeCurriculum, CodeKnobs
from benchmarks.simulated.worlds.coder.writer import CodeWriter

__all__ = ["AdviceCurriculum", "AdviceKnobs", "CodeCurriculum", "CodeKnobs", "CodeWriter"]
