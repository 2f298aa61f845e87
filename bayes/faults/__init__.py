"""Faults injected on purpose, and the false alarms on correct samplers: they show what a verdict is worth.

- ``faulty_samplers``: samplers with a mistake that people make, each with its correct variant.
- ``faulty_updates``: conjugate updates with a mistake, one family a file.
- ``false_alarms``: exact draws of every model, judged many times.
"""
