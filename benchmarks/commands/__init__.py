"""Commands that compare nothing: demo, serve, verify."""
