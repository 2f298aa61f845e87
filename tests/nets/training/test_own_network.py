"""Training of anybody's own `flax.nnx.Module`: plain layers, running statistics, random layers, and bad ones."""

import shutil
from dataclasses import replace
from functools import partial
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from nets.data.arrays import from_arrays
from nets.data.datasets import load
from nets.export.exported_file import export
from nets.export.stablehlo import to_stablehlo
from nets.models.linear_layers import linear
from nets.models.losses import cross_entropy
from nets.models.mlp import MLP
from nets.training import checkpoints
from nets.training.config import TrainConfig
from nets.training.fitting import fit
from nets.training.initial_parameters import state_from_run
from nets.training.networks import build_network, network_of
from nets.training.own_networks import import_path, imported
from nets.training.runs import load_run
from nets.training.step import epoch_order, scale_images, training_key
from nets.training.task import prepare
from tests import tolerances
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")
HERE = __name__
OWN = TrainConfig(dataset="digits", model=f"{HERE}:Normalized", epochs=3, learning_rate=3e-3, checkpoint_every=1)


def as_in_the_project(image_shape, classes, rngs):
    """Return the network of `--model mlp --hidden 64`."""
    return MLP(image_shape, classes, hidden=(64,), linear=linear, rngs=rngs)


class Normalized(nnx.Module):
    """A network with running statistics."""

    def __init__(self, image_shape, classes, *, rngs):
        self.first = nnx.Linear(int(np.prod(image_shape)), 32, rngs=rngs)
        self.norm = nnx.BatchNorm(32, momentum=0.9, rngs=rngs)
        self.logits = nnx.Linear(32, classes, rngs=rngs)

    def hidden(self, images):
        return nnx.relu(self.norm(self.first(images.reshape(images.shape[0], -1))))

    def __call__(self, images):
        return self.logits(self.hidden(images))


class Random(Normalized):
    """A network with running statistics and a random layer."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)

    def __call__(self, images):
        return self.logits(self.dropout(self.hidden(images)))


class Compiled(Random):
    """The same, with functions that return unchanged variables as new arrays."""

    @nnx.jit
    def hidden(self, images):
        return super().hidden(images)

    @nnx.remat
    def __call__(self, images):
        return super().__call__(images)


class Scanned(nnx.Module):
    """A network whose layers have their parameters in common arrays."""

    def __init__(self, image_shape, classes, *, rngs):
        self.first = nnx.Linear(int(np.prod(image_shape)), 16, rngs=rngs)
        self.layers = nnx.vmap(lambda rngs: nnx.Linear(16, 16, rngs=rngs), in_axes=0)(rngs.split(3))
        self.logits = nnx.Linear(16, classes, rngs=rngs)

    def __call__(self, images):
        layers = nnx.scan(lambda x, layer: nnx.relu(layer(x)), in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        return self.logits(layers(self.first(images.reshape(images.shape[0], -1)), self.layers))


class Length(Random):
    def __call__(self, images):
        return super().__call__(images.reshape(len(images), -1))


class Branching(Random):
    def __call__(self, images):
        return super().__call__(images if images.shape[0] > 1 else images[:1])


class Printing(Random):
    def __call__(self, images):
        jax.debug.print("{}", images.sum())
        return super().__call__(images)


class WithoutParameters(nnx.Module):
    def __init__(self, **shapes):
        self.classes = shapes["classes"]

    def __call__(self, images):
        return images.reshape(len(images), -1)[:, : self.classes]


class OneMoreLogit(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes + 1, rngs=rngs)


class Growing(Normalized):
    def __call__(self, images):
        self.seen = nnx.BatchStat(jnp.zeros(3))
        return super().__call__(images)


class Reshaping(Normalized):
    def __call__(self, images):
        logits = super().__call__(images)
        self.norm.mean.set_value(jnp.zeros(3))
        return logits


class Table(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.norm.table = jnp.arange(32.0) / 32


class Statistics(Normalized):
    """A network with an array of NumPy, which is no variable, and one statistic of each kind."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.table = np.arange(32, dtype=np.float32) / 32
        self.seen, self.constant = nnx.BatchStat(jnp.zeros((), bool)), nnx.BatchStat(jnp.zeros(()))
        self.phase = nnx.BatchStat(jnp.zeros((), jnp.complex64))

    def __call__(self, images):
        self.seen[...] = jnp.ones((), bool)
        self.constant[...] = jnp.ones(())
        self.phase[...] = self.phase[...] + 1j
        return self.logits(self.hidden(images) + self.table)


class Spectral(nnx.Module):
    def __init__(self, image_shape, classes, *, rngs):
        self.logits = nnx.SpectralNorm(nnx.Linear(int(np.prod(image_shape)), classes, rngs=rngs), rngs=rngs)

    def __call__(self, images):
        return self.logits(images.reshape(len(images), -1), update_stats=True)


class CompiledSpectral(Spectral):
    @nnx.jit
    def __call__(self, images):
        return super().__call__(images)


class Limited(Normalized):
    """A network that limits its parameters, whose first ones are within the limit."""

    def __call__(self, images):
        kernel = self.logits.kernel
        kernel[...] = jnp.where(abs(kernel[...]) < 1e3, kernel[...], 0)
        return super().__call__(images)


class Removing(Normalized):
    def __call__(self, images):
        logits = super().__call__(images)
        del self.norm
        return logits


class NoisyEvaluation(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.rngs = rngs

    def __call__(self, images):
        hidden = self.hidden(images)
        return self.logits(hidden + jax.random.normal(self.rngs.noise(), hidden.shape))


class WholeNumbers(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.number = nnx.Param(jnp.ones((), int))


class ComplexParameter(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.phase = nnx.Param(jnp.ones((), complex))


class WholeLogits(Normalized):
    def __call__(self, images):
        return super().__call__(images).astype(int)


class ComplexLogits(Normalized):
    def __call__(self, images):
        return super().__call__(images) + 0j


class Stopped(Normalized):
    def __call__(self, images):
        return jax.jit(jax.lax.stop_gradient)(super().__call__(images))


class Rounded(Normalized):
    def __call__(self, images):
        return jnp.round(super().__call__(images))


@jax.custom_vjp
def straight_through(x):
    return jnp.round(x)


straight_through.defvjp(lambda x: (jnp.round(x), None), lambda _, gradient: (gradient,))


class StraightThrough(Normalized):
    """A network whose gradient is not that of its function, with attributes of all kinds that no call changes."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.seen, self.sizes, self.options = {1}, [1, 2], {"rate": float("nan")}
        self.function, self.object = jax.jit(lambda x: x), object()

    def __call__(self, images):
        return straight_through(self.function(super().__call__(images)))


class Counting(Normalized):
    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.norm.calls, self.seen, self.options = 0, {1}, {"sizes": [1]}

    def __call__(self, images):
        self.norm.calls += 1
        return super().__call__(images)


class Collecting(Counting):
    def __call__(self, images):
        self.seen.add(len(images))
        return Normalized.__call__(self, images)


class Appending(Counting):
    def __call__(self, images):
        self.options["sizes"].append(len(images))
        return Normalized.__call__(self, images)


class Remembering(Normalized):
    """A network with attributes that hold for one call, or that it sets to what they are."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.limit, self.activation = float("nan"), partial(nnx.relu)
        self.names = {"a", "b"}

    def __call__(self, images):
        self.shape = images.shape
        self.norm.size = self.shape[0]
        self.limit, self.activation = float("nan"), partial(nnx.relu)
        self.names = {"b", "a"}
        return super().__call__(images)


class Noted(Random):
    """A network that counts its calls, where no variable is."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, rngs=rngs)
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        return super().__call__(images)


class Two(Normalized):
    def __call__(self, images):
        return super().__call__(images), images


class Raising(Normalized):
    def __call__(self, _):
        raise TypeError("no images of this kind\nand more")


def without_rngs(image_shape, classes):
    return Normalized(image_shape, classes, rngs=nnx.Rngs(0))


def no_module(**shapes):
    return shapes["classes"]


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    return fit(replace(OWN, run_dir=tmp_path_factory.mktemp("own") / "run"), network=Random)


def test_the_same_layers_train_as_those_of_the_project(run, tmp_path):
    config = TrainConfig(**{name: value for name, value in vars(CONFIG).items() if name not in ("model", "hidden")})
    own = fit(replace(config, run_dir=tmp_path / "own"), network=as_in_the_project)
    assert (own.config.model, run.config.hidden) == (f"{HERE}:as_in_the_project", (64,))
    np.testing.assert_array_equal(own.predictions["test_logits"], run.predictions["test_logits"])


def test_parameters_and_statistics_are_those_of_a_plain_loop(tmp_path):
    config = replace(
        OWN,
        run_dir=tmp_path / "run",
        epochs=1,
        optimizer="sgd",
        schedule="constant",
        weight_decay=0.0,
        learning_rate=0.1,
    )
    run = fit(config)
    task = prepare(config, lambda *_: None)
    train, shape = task.splits["train"], task.dataset.image_shape
    model = build_network(config, shape, 10)
    transform = optax.sgd(0.1, momentum=0.9, nesterov=True)
    optimizer = nnx.Optimizer(model, transform, wrt=nnx.Param)
    order, _ = epoch_order(training_key(config.seed), jnp.asarray(0), len(train))
    for step in range(task.steps):
        batch = np.asarray(order[step * 128 : (step + 1) * 128])
        images, labels = scale_images(jnp.asarray(train.images[batch])), jnp.asarray(train.labels[batch])
        gradient = nnx.grad(lambda model, x, y: cross_entropy(model(x), y))(model, images, labels)
        optimizer.update(model, gradient)
    _, params, statistics = nnx.split(model, nnx.Param, ...)
    check = partial(np.testing.assert_allclose, rtol=0, atol=tolerances.FLOAT32_FORMS)
    jax.tree.map(check, run.params, nnx.to_pure_dict(params))
    averages = {name: run.variables["norm"][name] for name in ["mean", "var"]}
    jax.tree.map(check, averages, nnx.to_pure_dict(statistics)["norm"])
    model.eval()
    test = task.splits["test"]
    check(run.predictions["test_logits"], model(scale_images(jnp.asarray(test.images))))


def test_a_random_network_is_read_again_and_evaluated_without_its_random_numbers(own_run):
    run = load_run(own_run.folder)
    assert run.config.model == f"{HERE}:Random"
    digits = load("digits")
    images = digits.test.images
    np.testing.assert_array_equal(run.logits(images), run.logits(images))
    np.testing.assert_allclose(run.logits(images), run.predictions["test_logits"], atol=tolerances.OTHER_FORM)
    assert (run.predictions["test_logits"].argmax(1) == digits.test.labels).mean() > 0.6


def test_random_numbers_differ_between_keys_and_images():
    network = network_of(replace(OWN, model=f"{HERE}:Random"), (8, 8, 1), 10)
    model = Random((8, 8, 1), 10, rngs=nnx.Rngs(0))
    images = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 1)), jnp.float32).at[1].set(0).at[0].set(0)
    _, params, _, statistics = nnx.split(model, nnx.Param, nnx.RngState, ...)
    arguments = nnx.to_pure_dict(params), nnx.to_pure_dict(statistics), images
    first, _ = network.training_logits(*arguments, jax.random.key(0))
    again, _ = network.training_logits(*arguments, jax.random.key(0))
    other, _ = network.training_logits(*arguments, jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first[0], first[1])  # equal images, other random numbers


def test_arrays_that_are_no_variables_and_statistics_of_any_type_train(tmp_path):
    run = fit(replace(OWN, epochs=1, run_dir=tmp_path / "run"), network=Statistics)
    np.testing.assert_array_equal(run.variables["table"], np.arange(32) / np.float32(32))
    assert (run.variables["seen"], run.variables["phase"]) == (True, run.metrics[-1]["step"] * 1j)


def test_a_module_that_ends_or_prints_as_it_is_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "prints.py").write_text("print('hello')\ndef net(**_): ...\n")
    (tmp_path / "ends.py").write_text("raise SystemExit('usage')\n")
    (tmp_path / "broken.py").write_text("def net(:\n")
    assert imported("prints:net").__name__ == "net"
    assert capsys.readouterr() == ("", "hello\n")
    with pytest.raises(ValueError, match=r"`model` ends:net cannot be imported \(SystemExit: usage\); look at ends\."):
        imported("ends:net")
    with pytest.raises(ValueError, match=r"cannot be imported \(SyntaxError: .*; look at broken\."):
        imported("broken:net")


def test_a_random_network_resumes_where_it_was(own_run, tmp_path):
    steps = count()
    config = replace(own_run.config, run_dir=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(steps) == 4)
    stopped = load_run(tmp_path / "run")
    assert 0 < stopped.step % 12 < 12
    resumed = fit(config, resume=True)
    jax.tree.map(np.testing.assert_array_equal, resumed.variables, own_run.variables)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], own_run.predictions["test_logits"])


def test_members_are_the_networks_of_their_seeds(tmp_path):
    config = replace(OWN, optimizer="sgd", epochs=1, members=2, validation=0, run_dir=tmp_path / "both")
    both, second = fit(config), fit(replace(config, members=1, seed=1, run_dir=tmp_path / "second"))
    assert both.variables["norm"]["mean"].shape == (2, 32)
    member = jax.tree.map(lambda leaf: leaf[1], both.variables)
    jax.tree.map(partial(np.testing.assert_allclose, atol=tolerances.FLOAT32_FORMS), member, second.variables)


def test_parts_of_a_batch_pass_the_statistics_on(tmp_path):
    config = replace(OWN, epochs=1, accumulate=4, learning_rate=1e-9, batch_size=64, run_dir=tmp_path / "parts")
    parts, whole = fit(config), fit(replace(config, accumulate=1, batch_size=16, run_dir=tmp_path / "small"))
    means = [run.variables["norm"]["mean"] for run in (parts, whole)]
    np.testing.assert_allclose(*means, atol=tolerances.FLOAT32_FORMS)  # with parameters that hardly change


def test_a_run_starts_with_the_variables_of_another(own_run):
    digits = load("digits")
    few = digits.train.labels < 7
    dataset = from_arrays(digits.train.images[few], digits.train.labels[few])
    config = replace(OWN, model=own_run.config.model, init_from=own_run.folder)
    task = prepare(config, lambda *_: None, dataset)
    initial = task.initial_state()
    state, words = state_from_run(task, initial)
    assert "but for the last layer" in words
    jax.tree.map(np.testing.assert_array_equal, state.variables["norm"], own_run.variables["norm"])
    jax.tree.map(np.testing.assert_array_equal, state.params["logits"], initial.params["logits"])
    assert not np.array_equal(state.variables["norm"]["mean"], initial.variables["norm"]["mean"])


def test_the_sha256_of_the_variables_includes_the_statistics():
    state = prepare(OWN, lambda *_: None).initial_state()
    other = replace(state, statistics=jax.tree.map(lambda leaf: leaf + 1, state.statistics))
    before, after = checkpoints._sums(state), checkpoints._sums(other)
    assert before["params"] != after["params"]
    assert before["rest"] == after["rest"]


def test_a_run_of_a_class_that_has_changed_since_is_refused(own_run, tmp_path):
    folder = shutil.copytree(own_run.folder, tmp_path / "run")
    content = (folder / "config.json").read_text()
    (folder / "config.json").write_text(content.replace(f"{HERE}:Random", f"{HERE}:as_in_the_project"))
    changed = load_run(folder)
    message = r"is of another network: first.bias is float32\[32\] there, and missing here; take the class"
    with pytest.raises(ValueError, match=message):
        _ = changed.params
    with pytest.raises(ValueError, match=message):
        fit(replace(changed.config, run_dir=folder), resume=True)


def test_an_own_network_is_exported_with_its_statistics(own_run, tmp_path):
    export(own_run, "stablehlo", tmp_path / "net.stablehlo")  # it compares the logits in a fresh process
    assert (tmp_path / "net.stablehlo").stat().st_size > 1000


def test_what_training_does_not_lose_is_not_refused():
    network_of(replace(OWN, model=f"{HERE}:StraightThrough"), (8, 8, 1), 10)


def test_a_network_with_transformations_of_flax_trains_as_without(own_run, tmp_path):
    run = fit(replace(own_run.config, model="mlp", run_dir=tmp_path / "compiled"), network=Compiled)
    np.testing.assert_allclose(
        run.predictions["test_logits"], own_run.predictions["test_logits"], atol=tolerances.OTHER_FORM
    )


def test_attributes_that_hold_for_one_call_are_no_state():
    network_of(replace(OWN, model=f"{HERE}:Remembering"), (8, 8, 1), 10)


def test_a_network_that_cannot_be_trained_is_read(own_run):
    run = replace(own_run, config=replace(own_run.config, model=f"{HERE}:Noted"))
    images = load("digits").test.images[:3]
    np.testing.assert_array_equal(run.logits(images), own_run.logits(images))


def test_a_network_of_scanned_layers_trains(tmp_path):
    run = fit(replace(OWN, model="mlp", epochs=2, run_dir=tmp_path / "scanned"), network=Scanned)
    assert run.params["layers"]["kernel"].shape == (3, 16, 16)
    assert run.metrics[-1]["train_loss"] < run.metrics[0]["train_loss"]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Length, "TypeError: '_DimExpr' object cannot be interpreted as an integer"),
        (Branching, "InconclusiveDimensionOperation: "),
        (Printing, ""),
    ],
)
def test_a_network_that_needs_the_number_of_images_trains_and_its_export_says_so(own_run, network, reason):
    config = replace(own_run.config, model=f"{HERE}:{network.__name__}")
    run = replace(own_run, config=config)
    images = load("digits").test.images[:3]
    np.testing.assert_array_equal(run.logits(images), own_run.logits(images))
    message = rf"cannot be exported: called with images of shape \(N, 8, 8, 1\) for any N, it raised {reason}"
    with pytest.raises(ValueError, match=message) as error:
        to_stablehlo(run)
    assert "\n" not in str(error.value)
    assert "take N from `images.shape[0]`, not `len(images)`" in str(error.value)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (WithoutParameters, r"must return a module with parameters \(nnx.Param\), got none"),
        (OneMoreLogit, r"maps images \(2, 8, 8, 1\) to logits \(2, 10\), got the shape \(2, 11\)"),
        (Growing, "whose call adds no variables, as `sow` does, got seen"),
        (Reshaping, r"changes no shape or type, but it changes norm.mean from \(32,\) float32 to \(3,\) float32"),
        (Spectral, r"changed by the optimizer alone, but the call changes logits.layer_instance.kernel \(as nnx.Spec"),
        (CompiledSpectral, "changed by the optimizer alone, but the call changes logits.layer_instance.kernel"),
        (Limited, "changed by the optimizer alone, but the call changes logits.kernel"),
        (Removing, "whose call removes no variables, got norm.bias, norm.mean, norm.scale, norm.var"),
        (NoisyEvaluation, r"draws no random numbers in evaluation, after its `eval\(\)`, but it draws some of rngs"),
        (WholeNumbers, "whose parameters are real floating-point numbers, got number of int32; what is not trained is"),
        (ComplexParameter, "got phase of complex64; what is not trained is an nnx.Variable, and a complex parameter"),
        (WholeLogits, "that returns logits as floating-point numbers, got int32"),
        (ComplexLogits, "that returns logits as floating-point numbers, got complex64"),
        (Stopped, "whose logits have a gradient with respect to its parameters, got zero for all, as after `stop_"),
        (Rounded, "whose logits have a gradient with respect to its parameters, got zero for all, as after `stop_"),
        (Counting, "whose call changes no attribute, .* but it changes norm.calls from 0 to 1; make it an nnx.Var"),
        (Collecting, r"but it changes seen from \{1\} to \{1, 2\}; make it an nnx.Variable"),
        (Appending, "but it changes options.sizes.1 from nothing to 2; make it an nnx.Variable"),
        (Table, r"\(TypeError: its attribute norm.table is an array of JAX; make it an nnx.Variable or a"),
        (Two, r"to logits \(2, 10\), got a tuple"),
        (Raising, r"returns logits with a gradient, but it raised TypeError: no images of this kind\.$"),
        (without_rngs, r"must return a flax.nnx.Module \(TypeError: .* unexpected keyword argument 'rngs'"),
        (no_module, r"must return a flax.nnx.Module \(TypeError: it returned int\)"),
        (lambda **_: None, "`network` must be a class or a function that stands at the top of"),
        (partial(Normalized), "`network` must be a class or a function that stands at the top of"),
    ],
)
def test_what_is_no_network_is_refused_before_the_folder_is_made(tmp_path, network, message):
    with pytest.raises(ValueError, match=message) as error:
        fit(replace(OWN, model="mlp", run_dir=tmp_path / "run"), network=network)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"hidden": (64,)},
            r"`hidden` must be left out, also by a preset, since `model` .*:Normalized decides it .*, got \(64,\)",
        ),
        ({"precision": "bfloat16"}, "`precision` must be left out"),
        ({"model": "nowhere:Net"}, r"`model` nowhere:Net cannot be imported \(ModuleNotFoundError: .*PYTHONPATH"),
        ({"model": f"{HERE}:Nothing"}, r"Nothing cannot be imported \(AttributeError: "),
        ({"model": "__main__:Nothing"}, "defined in a script or a notebook that is not running"),
        ({"model": "my.py:"}, "`model` must be mlp, conv, or the module:name of a network of your own, got 'my.py:'"),
    ],
)
def test_options_that_an_own_network_has_not_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        fit(replace(OWN, run_dir=tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_the_command_line_trains_evaluates_and_predicts_it(command, tmp_path):
    code, _, err = command(
        "train", "--dataset", "digits", "--model", OWN.model, "--epochs", "1", "--run-dir", tmp_path / "r"
    )
    assert (code, err) == (0, err)
    code, out, _ = command("evaluate", tmp_path / "r", "--checkpoint", "best")
    assert (code, OWN.model in out) == (0, True)


def test_the_default_folder_has_its_name():
    assert str(OWN.folder) == "build/runs/digits-Normalized-seed0"
    assert import_path(Normalized) == OWN.model
