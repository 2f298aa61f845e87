"""Evaluation of trained classifiers: metrics, calibration and comparisons.

In reading order:

- ``metrics``: ``evaluate``, with accuracy, per-class metrics, confusion matrix and misclassified images.
- ``intervals``: proportions and F1 scores with confidence intervals.
- ``calibration_error``: proper scores, expected calibration error and temperature scaling.
- ``comparison``: McNemar's exact test of two classifiers.
- ``confused_classes``: groups of classes that are confused.
- ``translation_robustness``: accuracy on translated images.
- ``temperature``: the temperature for predictions.
- ``predictions``: the classes of image files.
- ``tables``: an evaluation as tables for a terminal and as a JSON record.
"""
