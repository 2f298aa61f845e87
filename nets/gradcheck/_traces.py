"""What JAX keeps of the functions that were traced in float64."""

from collections.abc import Callable
from functools import wraps


def forgets_traces[**P, T](check: Callable[P, T]) -> Callable[P, T]:
    """Return ``check``, which clears the caches of its jitted arguments at its end.

    JAX 0.12 gives an array of NumPy the dtype with which a function that is still alive was traced: after a check in
    float64, the next call in float32 would fail.
    """

    @wraps(check)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return check(*args, **kwargs)
        finally:
            for argument in (*args, *kwargs.values()):
                if clear_cache := getattr(argument, "clear_cache", None):
                    clear_cache()

    return checked
