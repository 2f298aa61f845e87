"""Metrics for TensorBoard are those of the run, and a profile has its file."""

from dataclasses import replace

import pytest
from tensorboardX.proto.event_pb2 import Event

from closedform import extras
from nets.data._tfrecord import read_records
from nets.training.fitting import fit
from nets.training.profiling import profiled_chunks
from nets.training.tensorboard import tensorboard_log
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def scalars(folder):
    """Read the events of a folder, with the checksums of their records."""
    events = [Event.FromString(record) for file in sorted(folder.iterdir()) for record in read_records(file)]
    return {(value.tag, event.step): value.simple_value for event in events for value in event.summary.value}


def test_tensorboard_has_the_metrics_of_each_epoch(run, tmp_path):
    with tensorboard_log(tmp_path / "log") as log:
        for line in run.metrics:
            log(line)
    written = scalars(tmp_path / "log")
    assert len(written) == sum(map(len, run.metrics))
    for line in run.metrics:
        assert written["loss/validation", line["epoch"]] == pytest.approx(line["validation_loss"])
        assert written["learning_rate", line["epoch"]] == pytest.approx(line["learning_rate"])


def test_a_profile_of_some_steps_is_in_the_folder_of_the_run(tmp_path):
    run = fit(replace(CONFIG, run_dir=tmp_path / "run", epochs=1), profile=True)
    (trace,) = (run.folder / "profile").rglob("perfetto_trace.json.gz")
    assert trace.stat().st_size > 100
    assert run.finished


def test_the_command_writes_both_and_no_old_profile_is_a_new_one(command, tmp_path, caplog):
    options = ["--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1", "--run-dir", "run"]
    code, _, err = command("train", *options, "--log", "tensorboard", "--profile")
    assert code == 0, err
    assert ("loss/train", 1) in scalars(tmp_path / "run/tensorboard")
    assert "perfetto_trace.json.gz at https://ui.perfetto.dev" in err
    code, _, err = command("train", *options, "--profile", "--resume")
    assert (code, "perfetto" in err) == (0, False)
    assert caplog.messages == ["no profile: no step was trained"]


@pytest.mark.parametrize(
    ("steps", "chunks", "profiled"),
    [(1, 1, [1]), (2, 2, [2]), (7, 3, [3]), (99, 4, [4]), (99, 9, [4, 5, 6]), (99, 3, []), (0, 0, [])],
)
def test_the_profile_of_a_short_run_has_its_last_chunks(tmp_path, monkeypatch, caplog, steps, chunks, profiled):
    active, seen = [], []
    monkeypatch.setattr("jax.profiler.start_trace", lambda *_, **__: active.append(True))
    monkeypatch.setattr("jax.profiler.stop_trace", active.clear)
    with profiled_chunks(tmp_path, steps) as before_chunk:
        for chunk in range(1, chunks + 1):
            before_chunk()
            seen += [chunk] if active else []
    assert (seen, active) == (profiled, [])
    reason = "training ended before chunk 4 of its steps" if chunks else "no step was trained"
    assert caplog.messages == ([] if profiled else [f"no profile: {reason}"])


def test_without_tensorboardx_the_extra_is_named_before_training(command, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'closedform\[tensorboard\]'"):
        command("train", "--dataset", "digits", "--run-dir", "run", "--log", "tensorboard")
    assert not list(tmp_path.iterdir())
