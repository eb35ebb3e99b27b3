"""What a person sees while a run goes on: live panel, plain lines, log."""
