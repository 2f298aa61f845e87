"""Metrics for TensorBoard are those of the run, and a profile has its file."""

from dataclasses import replace

import pytest
from tensorboardX.proto.event_pb2 import Event

from closedform import extras
from nets.data._tfrecord import read_records
from nets.training.fitting import fit
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


def test_the_command_writes_both(command, tmp_path):
    options = ["--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1", "--run-dir", "run"]
    code, _, err = command("train", *options, "--log", "tensorboard", "--profile")
    assert code == 0, err
    assert ("loss/train", 1) in scalars(tmp_path / "run/tensorboard")
    assert "perfetto_trace.json.gz at https://ui.perfetto.dev" in err


def test_without_tensorboardx_the_extra_is_named_before_training(command, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'closedform\[tensorboard\]'"):
        command("train", "--dataset", "digits", "--run-dir", "run", "--log", "tensorboard")
    assert not list(tmp_path.iterdir())
