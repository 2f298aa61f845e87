"""Samplers with deliberate mistakes, and false alarms on correct samplers. They show what a verdict is worth.

- ``faulty_samplers``: samplers with a mistake that people make, each with its correct variant.
- ``faulty_updates``: posterior updates with a mistake, one family a file.
- ``false_alarms``: exact draws of every model, judged many times.
"""
