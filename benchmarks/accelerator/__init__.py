"""Everything about training that needs a GPU or TPU to be measured, in one command of under ten minutes.

``python -m benchmarks.accelerator``: ``__main__`` runs each module of ``parts`` in a process of its own (``process``),
which writes one row a measurement. ``settings`` has their sizes, ``jpeg_files`` reads CIFAR-10 from JPEG files, and
``tables`` makes the tables of docs/performance.md.
"""
