"""The log evidence from independent runs, with a standard error."""
