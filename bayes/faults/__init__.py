"""Samplers with deliberate mistakes, and false alarms on correct samplers. They show what a verdict is worth.

- ``faulty_samplers``: samplers with a mistake that people make, each with its correct variant.
- ``calibrated_faults``: how many simulated data sets it takes to detect them.
- ``faulty_kernels``: kernels with a mistake, and how many exact draws show it; ``kernels`` has their code.
- ``faulty_updates``: posterior updates with a mistake, one family a file.
- ``false_alarms``: exact draws of every model, judged many times.
"""
