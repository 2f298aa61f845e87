"""Checkpoints in the background: what is copied, what is left out, and where an error appears."""

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from nets.training import checkpoint_writer as module
from nets.training.checkpoint_writer import background_writer
from nets.training.step import TrainState


def state_at(step):
    """Return a state whose parameter is the step."""
    others = {name: jnp.zeros(()) for name in ["key", "epoch_loss", "epoch_correct", "nonfinite_step"]}
    return TrainState(params=jnp.full((), step), statistics={}, opt_state=(), step=jnp.full((), step), **others)


def metrics_until(step, best):
    """Return the metrics of the steps 1 to ``step``, whose validation accuracy is largest at ``best``."""
    return [{"epoch": n, "step": n, "validation_accuracy": 0.5 + (n == best) / 4} for n in range(1, step + 1)]


class SlowCheckpoints:
    """Checkpoints that are written when ``disk`` is set, and not at the steps that ``fail``."""

    def __init__(self, folder, fail=()):
        self.folder, self.fail, self.saved, self.disk = folder, fail, [], threading.Event()

    def save(self, state, metrics):
        self.disk.wait()
        if int(state.step) in self.fail:
            raise OSError(5, "no checkpoint could be written")
        assert float(state.params) == int(state.step) == metrics[-1]["step"]
        self.saved.append(int(state.step))


def train(checkpoints, every_one, steps, best=1):
    """Save the state after each step, whose buffers the next step overwrites; the disk is slow until the last one."""
    next_step = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    with background_writer(checkpoints, -1, every_one) as writer:
        state = state_at(0)
        for step in range(1, steps + 1):
            state = next_step(state)
            if step == steps:
                checkpoints.disk.set()
            writer.save(state, metrics_until(step, best))
            assert writer.step == step


def test_a_state_is_written_as_it_was_while_later_steps_overwrite_it(tmp_path):
    checkpoints = SlowCheckpoints(tmp_path)
    train(checkpoints, every_one=False, steps=2)
    assert checkpoints.saved == [1, 2]


@pytest.mark.parametrize(("best", "saved"), [(1, [1, 2, 6]), (2, [1, 2, 6]), (4, [1, 4, 6]), (6, [1, 6])])
def test_the_newest_and_the_best_are_kept_of_those_that_wait(tmp_path, best, saved):
    checkpoints = SlowCheckpoints(tmp_path)
    train(checkpoints, every_one=False, steps=6, best=best)
    assert checkpoints.saved == saved


def test_every_one_is_written_if_that_is_asked_for_and_at_once_with_several_processes(tmp_path, monkeypatch):
    checkpoints = SlowCheckpoints(tmp_path)
    checkpoints.disk.set()
    train(checkpoints, every_one=True, steps=6)
    assert checkpoints.saved == [1, 2, 3, 4, 5, 6]
    monkeypatch.setattr(module, "on_first_process", lambda function: function())
    monkeypatch.setattr(module.jax, "process_count", lambda: 2)
    with background_writer(checkpoints, -1, every_one=False) as writer:
        writer.save(state_at(7), metrics_until(7, 1))
        assert checkpoints.saved[-1] == 7


def test_a_checkpoint_that_cannot_be_written_is_an_error_of_the_next_or_of_the_end(tmp_path):
    checkpoints = SlowCheckpoints(tmp_path, fail=[1, 3])
    checkpoints.disk.set()
    with background_writer(checkpoints, -1, every_one=True) as writer:
        writer.save(state_at(1), metrics_until(1, 1))
        with pytest.raises(OSError, match="no checkpoint could be written"):
            writer.save(state_at(2), metrics_until(2, 1))
        assert writer.step == 1
    with (
        pytest.raises(OSError, match="no checkpoint could be written"),
        background_writer(checkpoints, -1, every_one=True) as writer,
    ):
        writer.save(state_at(3), metrics_until(3, 1))


@pytest.mark.parametrize(("fail", "saved", "warnings"), [([], [1, 2, 3], 0), ([1], [], 1)])
def test_an_error_of_training_waits_for_the_checkpoints_and_remains(tmp_path, caplog, fail, saved, warnings):
    checkpoints = SlowCheckpoints(tmp_path, fail)

    def train_until_the_loss_is_not_finite():
        with background_writer(checkpoints, -1, every_one=False) as writer:
            for step in [1, 2, 3]:
                writer.save(state_at(step), metrics_until(step, best=2))
            checkpoints.disk.set()
            raise ArithmeticError("the loss is not finite")

    with pytest.raises(ArithmeticError, match="not finite"):
        train_until_the_loss_is_not_finite()
    assert checkpoints.saved == saved
    assert caplog.text.count("no checkpoint could be written") == warnings


@pytest.mark.parametrize("checkpoints_that_fit", [0.9, 1.1])
def test_disk_space_is_asked_for_one_at_a_time_since_an_old_one_is_removed(tmp_path, monkeypatch, checkpoints_that_fit):
    state, checkpoints = state_at(1), SlowCheckpoints(tmp_path)
    size = 1.2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + 2**20
    free = SimpleNamespace(free=2 * size)
    monkeypatch.setattr(module.require_disk_space.__globals__["shutil"], "disk_usage", lambda _: free)
    fits = checkpoints_that_fit > 1
    ends = nullcontext() if fits else pytest.raises(OSError, match=r"no disk space for a checkpoint .*, and --resume")
    with ends, background_writer(checkpoints, -1, every_one=False) as writer:
        for step in [1, 2, 3]:
            writer.save(state_at(step), metrics_until(step, 1))
        free.free = checkpoints_that_fit * size
        checkpoints.disk.set()
    assert checkpoints.saved == ([1, 2, 3] if fits else [1])


def test_after_a_second_ctrl_c_only_the_one_that_is_being_written_is_finished(tmp_path):
    checkpoints = SlowCheckpoints(tmp_path)

    def interrupted():
        with background_writer(checkpoints, -1, every_one=False) as writer:
            for step in [1, 2, 3]:
                writer.save(state_at(step), metrics_until(step, 3))
            checkpoints.disk.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert checkpoints.saved == [1]
