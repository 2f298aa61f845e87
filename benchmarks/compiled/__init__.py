"""What the compilers of TPUs and GPUs say of the training chunk, on a machine that has neither.

In reading order:

- ``targets``, ``gpu_descriptions``: TPUs and GPUs by name, to compile for.
- ``chunks``: the chunk of a configuration, compiled for them.
- ``hlo``, ``thunks``: the compiled program, and what a GPU runs of it.
- ``roofline``, ``facts``: what follows from them.
- ``__main__``: `python -m benchmarks.compiled` prints it as a table.
"""
