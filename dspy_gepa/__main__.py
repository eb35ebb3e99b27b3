"""``python -m dspy_gepa``: the command line, as ``dspy-gepa``."""

from dspy_gepa.cli.main import main

if __name__ == "__main__":
    main()
