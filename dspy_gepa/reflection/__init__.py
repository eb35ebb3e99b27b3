"""Everything the reflection model reads and may answer: prompt, evidence, edit history, rules for texts."""
