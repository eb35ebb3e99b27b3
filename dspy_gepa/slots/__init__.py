"""Where programs keep texts: a file for every kind of text, with how it is read and how it is written."""
