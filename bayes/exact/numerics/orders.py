"""Orders of observations in which each in turn is the last, so that a model predicts it from all others."""


def each_last(n: int) -> list[list[int]]:
    """Return, for each i of 0..n - 1, these numbers with i as the last one.

    Examples
    --------
    >>> each_last(3)
    [[1, 2, 0], [0, 2, 1], [0, 1, 2]]
    """
    return [[*range(i), *range(i + 1, n), i] for i in range(n)]
