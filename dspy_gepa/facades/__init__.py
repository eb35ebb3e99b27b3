"""Ways in without a DSPy program: any text with an evaluator of one's own; prompts in MLflow's registry."""
