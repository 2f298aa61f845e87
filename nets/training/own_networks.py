"""Networks that are not the project's: found by the name of their class, and tried before they are trained."""

import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from closedform.validation import shown
from nets.training.handed_on import changed
from nets.training.variables import by_name

if TYPE_CHECKING:
    from nets.training.networks import Network


def import_path(network: Callable[..., nnx.Module]) -> str:
    """Return the path ``module:name`` of a class or function; raise ValueError if it is not found there."""
    path = f"{getattr(network, '__module__', '')}:{getattr(network, '__qualname__', '')}"
    try:
        found = imported(path)
    except ValueError:
        found = None
    if found is not network:
        raise ValueError(
            "`network` must be a class or a function that stands at the top of a module, a script or a notebook, so "
            f"that its runs can be read again by its name, got {network!r}."
        )
    return path


def imported(path: str) -> Callable[..., nnx.Module]:
    """Return the class or function at ``module:name``; raise ValueError if there is none.

    What the module prints as it is imported goes to stderr, so that the output of a command is only its own.
    """
    module, _, name = path.partition(":")
    try:
        with redirect_stdout(sys.stderr):
            return attrgetter(name)(import_module(module))
    except (Exception, SystemExit) as error:  # whatever a module raises as it is imported
        way_out = f"look at {module}"
        if module == "__main__":
            way_out = "it was defined in a script or a notebook that is not running; define it in a module of its own"
        elif isinstance(error, ModuleNotFoundError):
            way_out = f"put the folder of {module.partition('.')[0]}.py on PYTHONPATH, or start there"
        raise ValueError(f"`model` {path} cannot be imported ({first_line(error)}); {way_out}.") from error


def require_module(model: Any) -> None:
    """Raise TypeError unless ``model`` is a module whose arrays of JAX are variables; Flax loses others in a trace."""
    if not isinstance(model, nnx.Module):
        raise TypeError(f"it returned {type(model).__name__}")
    for path, node in nnx.iter_graph(model):
        for name, value in vars(node).items() if isinstance(node, nnx.Module) else []:
            if isinstance(value, jax.Array):
                where = ".".join(map(str, (*path, name)))
                raise TypeError(f"its attribute {where} is an array of JAX; make it an nnx.Variable or a NumPy array")


def require_trainable(
    called: str, network: "Network", params: Any, statistics: Any, image_shape: tuple[int, int, int], classes: int
) -> None:
    """Raise ValueError, which begins with ``called``, unless a network of these shapes can be trained and evaluated."""
    images, key = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32), jax.eval_shape(lambda: jax.random.key(0))
    shapes = (params, statistics, images, key)
    try:
        _require_real_parameters(params)
        for training in (False, True):
            _require_unchanged(training, changed(partial(_call, network, training, classes), *shapes))
        jax.eval_shape(partial(_differentiate, network), *shapes)
    except _UnfitError as error:
        raise ValueError(f"{called}, must return a module {error}.") from error
    except Exception as error:
        raise ValueError(
            f"{called}, must return a module whose call with float32 images {images.shape} returns logits with a "
            f"gradient, but it raised {first_line(error)}."
        ) from error


_MISSING = object()


class _UnfitError(Exception):
    """What a module must be, and what it is."""


def _require_real_parameters(params: Any) -> None:
    """Raise _UnfitError unless there are parameters, and all are real: optimizers misuse complex gradients."""
    if not jax.tree.leaves(params):
        raise _UnfitError("with parameters (nnx.Param), got none")
    for name, leaf in by_name(params).items():
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise _UnfitError(
                f"whose parameters are real floating-point numbers, got {name} of {leaf.dtype}; what is not trained is "
                "an nnx.Variable, and a complex parameter two real ones"
            )


def _call(
    network: "Network", training: bool, classes: int, params: Any, statistics: Any, images: jax.Array, key: jax.Array
) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Call a network, and raise _UnfitError if it returns no logits, or changes what training would not keep.

    Return the arrays that it must not change, before and after the call: parameters in training, and the random state
    in evaluation.
    """
    model = nnx.merge(network.graphdef, params, statistics, network.random_state(key))
    before = by_name(nnx.to_pure_dict(nnx.state(model)))
    model.train() if training else model.eval()
    names = {path: {*vars(node)} for path, node in nnx.iter_graph(model) if isinstance(node, nnx.Module)}
    attributes = _attributes(model, names)
    logits = model(images)
    after = by_name(nnx.to_pure_dict(nnx.state(model)))
    if not isinstance(logits, jax.Array) or logits.shape != (len(images), classes):
        got = f"the shape {logits.shape}" if isinstance(logits, jax.Array) else f"a {type(logits).__name__}"
        raise _UnfitError(f"that maps images {images.shape} to logits {(len(images), classes)}, got {got}")
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        raise _UnfitError(f"that returns logits as floating-point numbers, got {logits.dtype}")
    if added := sorted(after.keys() - before.keys()):
        raise _UnfitError(f"whose call adds no variables, as `sow` does, got {', '.join(added)}")
    if removed := sorted(before.keys() - after.keys()):
        raise _UnfitError(f"whose call removes no variables, got {', '.join(removed)}")
    _require_same_attributes(attributes, _attributes(model, names))
    for name in before:
        if after[name].shape != before[name].shape or after[name].dtype != before[name].dtype:
            change = f"{before[name].shape} {before[name].dtype} to {after[name].shape} {after[name].dtype}"
            raise _UnfitError(f"whose call changes no shape or type, but it changes {name} from {change}")
    fixed = by_name(params if training else network.random).keys()
    return {name: (before[name], after[name]) for name in fixed}


def _require_unchanged(training: bool, names: list[str]) -> None:
    """Raise _UnfitError if a call changes the arrays of ``names``: parameters in training, else the random state."""
    if names and training:
        raise _UnfitError(
            f"whose parameters are changed by the optimizer alone, but the call changes {', '.join(names)} (as "
            "nnx.SpectralNorm and nnx.WeightNorm do)"
        )
    if names:
        raise _UnfitError(
            f"that draws no random numbers in evaluation, after its `eval()`, but it draws some of {', '.join(names)}"
        )


def _require_same_attributes(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in sorted(before.keys() | after.keys()):
        values = [of.get(name, _MISSING) for of in (before, after)]
        if not _same(*values):
            was, became = ("nothing" if value is _MISSING else shown(value) for value in values)
            raise _UnfitError(
                f"whose call changes no attribute, since each call begins with the old ones, but it changes {name} "
                f"from {was} to {became}; make it an nnx.Variable"
            )


def _same(was: Any, became: Any) -> bool:
    """Return whether two attributes are equal, as far as can be seen; all functions are."""
    if was is became or (callable(was) and callable(became)) or repr(was) == repr(became):
        return True
    try:
        return bool(was == became)
    except Exception:  # of a comparison element by element
        return False


def _attributes(model: nnx.Module, names: Mapping[tuple[Any, ...], Collection[str]]) -> dict[str, Any]:
    """Return the attributes of a module and its parts, and the elements of lists, that are no arrays, by name.

    ``names`` are those of each module's attributes before the call. One that the call adds is left out: it holds for
    this call alone, as a local variable does.
    """
    others = (jax.Array, np.ndarray, nnx.Variable, nnx.Pytree, Mapping, list, tuple)  # arrays, and what has parts
    return {
        ".".join(map(str, path)): set(value) if isinstance(value, set) else value
        for path, value in nnx.iter_graph(model)
        if not isinstance(value, others)
        and not str(path[-1]).startswith("_pytree__")
        and all(path[end] in names.get(path[:end], path) for end in range(len(path)))
    }


def _differentiate(network: "Network", params: Any, statistics: Any, images: jax.Array, key: jax.Array) -> None:
    """Differentiate the logits with respect to the parameters; raise _UnfitError if none has an effect on them."""
    tangents: list[jax.Array] = []

    @jax.custom_jvp
    def noted(logits: jax.Array) -> jax.Array:
        return logits

    @noted.defjvp
    def noted_jvp(primals: tuple[jax.Array], tangents_in: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
        tangents.extend(tangents_in)  # JAX calls this only if the tangent is not zero by its rules
        return *primals, *tangents_in

    jax.grad(lambda params: noted(network.training_logits(params, statistics, images, key)[0]).sum())(params)
    if not tangents:
        raise _UnfitError(
            "whose logits have a gradient with respect to its parameters, got zero for all, as after `stop_gradient`, "
            "`round` or `argmax`"
        )


def first_line(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
