"""Faults injected on purpose, and how often right samplers are failed: what shows that a verdict means something.

- ``faulty_samplers``: samplers with a mistake that people make, each with its correct variant.
- ``faulty_updates``: conjugate updates with a mistake, one family a file.
- ``false_alarms``: exact draws of every model, judged many times.
"""
