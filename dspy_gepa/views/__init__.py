"""Views of a run in progress: live panel, plain lines, log."""
