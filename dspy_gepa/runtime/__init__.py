"""From effects to results: scheduling, execution, retries, budgets, forecasts."""
