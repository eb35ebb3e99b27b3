"""Other ways in than a DSPy program: any text with an evaluator of its own (`dspy_gepa.optimize_text`)."""
