"""Pages that hold approximations beside the exact answer: one script a page, run by ``python -m reports``."""
