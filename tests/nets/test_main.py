"""The command line of `python -m nets`."""

import io
import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from rich.console import Console

import nets.__main__
from nets._terminal import handle_interrupts, progress_bar
from nets.training import runs
from nets.training.config import PRESETS
from nets.training.fitting import fit
from tests.nets.data import tfds_data

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def test_the_command_trains_on_a_prepared_data_set_and_reports_progress(command, tmp_path, monkeypatch):
    images, labels = tfds_data.random_images((9, 8, 3), classes=4, train=80, test=20)
    tfds_data.write(tmp_path / "data", "small", images, labels, list("abcd"))
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nets.training.task.cpu_instruction_sets", lambda: ["avx2"])
    options = ["--dataset", "small", "--epochs", "2", "--batch-size", "16", "--hidden", "8", "--precision", "bfloat16"]
    code, out, err = command("train", *options)
    assert code == 0, err
    folder = Path("build/runs/small-conv-seed0")
    assert out.strip() == str(folder)
    lines = err.splitlines()
    assert lines[0] == "decode small: 100 images"
    assert lines[1].startswith("conv with 4,412 parameters on cpu")
    assert "72 train, 8 validation, 20 test images" in lines[1]
    assert "this CPU has no instructions for bfloat16, and float32 is faster" in lines[1]
    assert [line.split(":")[0] for line in lines[2:]] == ["epoch 1/2", "epoch 2/2"]
    assert "images/s" in lines[2]
    run = runs.load_run(folder)
    assert (run.config.hidden, run.config.precision, run.class_names) == ((8,), "bfloat16", tuple("abcd"))
    assert command("train", *options)[0] == 2  # there is a run already


def test_a_preset_sets_the_defaults_of_the_other_options(command):
    options = ["--preset=reference", "--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1"]
    code, _, err = command("train", *options, "--run-dir", "r")
    assert code == 0, err
    assert "bfloat16" not in err
    config = replace(PRESETS["reference"], dataset="digits", model="mlp", hidden=(4,), epochs=1, run_dir=Path("r"))
    assert runs.load_run("r").config == config


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--preset", "ref"], 2, "`--preset` must be one of default, reference, got 'ref'"),
        (["train", "--epochs", "0"], 2, "`epochs` must be 1 or more, got 0"),
        (["train", "--model", "resnet"], 2, "resnet"),
        (["train", "--dataset", "digits", "--batch-size", "9999"], 2, "`batch_size` must be at most 1294"),
        (["train", "--dataset", "cifr10"], 2, "did you mean cifar10"),
        (
            ["train", "--dataset", "digits", "--hidden", "4", "--run-dir", "/proc/run"],
            2,
            "run folder /proc/run cannot be written",
        ),
        (["train", "--dataset", "digits", "--devices", "99"], 2, "XLA_FLAGS=--xla_force_host_platform_device_count=99"),
        (["train", "--num-processes", "2"], 2, "`coordinator` must be set, as every process needs"),
        (["train", "--dataset", "digits", "--resume"], 2, "has no checkpoint to resume from"),
        (["prepare", "digits"], 2, "needs no preparation"),
        (["prepare", "imdb_reviews"], 2, "cannot be prepared"),
    ],
)
def test_invalid_usage_gives_one_message_and_writes_no_files(command, tmp_path, arguments, code, message):
    actual, out, err = command(*arguments)
    assert actual == code, err
    assert message in err
    assert not out
    assert not list(tmp_path.iterdir())


def test_too_little_memory_and_missing_devices_are_invalid_usage(command, monkeypatch):
    def full(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9663676416 bytes.")

    options = ["train", "--dataset", "digits", "--hidden", "4"]
    with monkeypatch.context() as too_small:
        too_small.setattr("nets.training.fitting.fit", full)
        code, _, err = command(*options)
    assert (code, err.count("\n")) == (2, 1)
    assert "error: a device has too little memory" in err
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr("jax.local_devices", lambda: (_ for _ in ()).throw(RuntimeError("Unable to initialize")))
    code, _, err = command(*options)
    assert (code, err.count("\n")) == (2, 1)
    assert "error: `JAX_PLATFORMS` must name devices" in err


def test_help_describes_the_options(command, capfd):
    with pytest.raises(SystemExit) as end:
        command("train", "--help")
    assert end.value.code == 0
    out = capfd.readouterr().out
    for text in [
        "--preset",
        "--resume",
        "--learning-rate",
        "digits",
        "one-cycle",
        "Images a step",
        "--devices",
        "HOST:PORT",
    ]:
        assert text in out


def test_runs_are_listed_with_their_state(command, run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "runs" / "finished")
    shutil.copytree(run.folder, tmp_path / "runs" / "stopped")
    (tmp_path / "runs/stopped/predictions.npz").unlink()
    content = json.loads((run.folder / "config.json").read_text())
    content["config"]["dataset"] = "./a[red]b/x[/y]"  # is no markup
    (tmp_path / "runs/stopped/config.json").write_text(json.dumps(content))
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/config.json").write_text("{")
    (tmp_path / "runs/killed").mkdir()
    (tmp_path / "runs/killed/metrics.jsonl").write_text("")
    (tmp_path / "runs/notes").mkdir()
    code, out, err = command("runs", "runs")
    assert code == 0, err
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    accuracy = f"{100 * run.metrics[-1]['test_accuracy']:.1f}"
    assert rows["finished"][:3] == ["mlp", "digits", "4/4"]
    assert rows["finished"][-3:] == [accuracy, "%", "yes"]
    assert (rows["stopped"][1], rows["stopped"][-1]) == ("./a[red]b/x[/y]", "no")
    assert "runs/broken cannot be read" in err
    assert "runs/killed is not a run folder: there is no" in err
    assert "notes" not in out + err
    code, _, err = command("runs")
    assert (code, "must be a folder of runs, got build/runs" in err) == (2, True)


def test_a_run_is_evaluated_and_compared_as_tables_and_as_json(command, run, tmp_path):
    other = fit(replace(run.config, run_dir=tmp_path / "other", epochs=1))
    code, out, err = command("evaluate", run.folder, "--against", other.folder)
    assert code == 0, err
    accuracy = run.metrics[-1]["test_accuracy"]
    assert f" {100 * accuracy:.1f} (" in out
    for text in [
        "train images",
        "test images",
        "train, predicted as",
        "test, predicted as",
        "equal width",
        "with temperature",
    ]:
        assert text in out
    for text in [
        "recall, %",
        "predicted as",
        "temperature",
        "most confident errors",
        "most confused pairs",
        f"{run.folder} is better",
    ]:
        assert text in out
    code, out, _ = command("evaluate", run.folder, "--against", other.folder, "--json")
    content = json.loads(out)
    assert content["test"]["accuracy"]["value"] == pytest.approx(accuracy)
    assert content["comparison"]["verdict"] == "first"
    assert len(content["train"]["confusion_matrix"]) == 10
    for split in ["train", "test"]:
        counts = np.array(content[split]["confusion_matrix"])
        np.testing.assert_allclose(
            content[split]["normalized_confusion_matrix"], counts / counts.sum(axis=1, keepdims=True)
        )
        assert " predicted as " in content[split]["most_confused_pairs"][0]
    assert set(content["test_predictives"]) == {"network", "network, with temperature"}
    code, out, err = command("evaluate", tmp_path)
    assert (code, out, "is not a run folder" in err) == (2, "", True)


def test_the_progress_bar_shows_a_name_as_it_is():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress_bar(console) as progress:
        progress("decode ./a[red]b/x[/y]", 1, 2)
    assert "decode ./a[red]b/x[/y]" in console.file.getvalue()


def test_a_second_ctrl_c_stops_at_once(monkeypatch, capfd):
    times = iter([10.0, 10.5, 11.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    previous = signal.getsignal(signal.SIGINT)
    with handle_interrupts() as (defer_interrupts, interrupted):
        defer_interrupts()
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # as a launcher forwards it
        assert interrupted()
        with pytest.raises(KeyboardInterrupt, match="stopped at once"):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is previous
    assert capfd.readouterr().err.count("Ctrl-C again stops at once") == 1


def test_a_ctrl_c_that_is_ignored_during_an_import_is_recorded():
    with handle_interrupts() as (defer_interrupts, interrupted):
        with pytest.raises(KeyboardInterrupt):  # as Python does it in a callback of the garbage collector
            signal.raise_signal(signal.SIGINT)
        defer_interrupts()
        assert interrupted()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_save_and_print_how_to_resume(command, monkeypatch, number):
    describe_epoch = nets.__main__._describe_epoch

    def interrupt(metrics, epochs):
        if metrics["epoch"] == 2:
            signal.raise_signal(number)
            signal.raise_signal(number)  # as a launcher forwards it
        return describe_epoch(metrics, epochs)

    monkeypatch.setattr(nets.__main__, "_describe_epoch", interrupt)
    previous = signal.getsignal(number)
    options = ["--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "100000", "--run-dir", "run"]
    code, _, err = command("train", *options, "--checkpoint-every", "100000")
    assert (code, signal.getsignal(number)) == (130, previous), err
    assert err.count("stopping: the current steps are finished and saved") == 1
    last_line = err.splitlines()[-1]
    assert "--resume continues from there" in last_line
    step = last_line.split("step ")[1].split(";")[0].replace(",", "")
    assert Path(f"run/checkpoints/step_{step}").is_dir()


def test_a_second_start_uses_the_compilation_cache(command, tmp_path, monkeypatch):
    options = ["train", "--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1"]
    cache = tmp_path / "cache"
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(cache))
    compilation_cache.reset_cache()  # JAX opens a cache once in a process

    def compiled():
        return {file.name for file in cache.rglob("*chunk*-cache")}

    try:
        code, _, err = command(*options, "--run-dir", "a")
        assert code == 0, err
        first = compiled()
        assert len(first) == 1
        code, _, err = command(*options, "--run-dir", "b")
        assert code == 0, err
        assert compiled() == first
        code, _, err = command(*options, "--batch-size", "64", "--run-dir", "c")
        assert len(compiled()) == 2  # another program
        assert {file.parent.parent for file in cache.rglob("*-cache")} == {cache / "compiled"}
    finally:
        compilation_cache.reset_cache()
    a, b = (runs.load_run(name).metrics[-1]["test_loss"] for name in "ab")
    assert a == b


def test_training_works_without_a_writable_cache(command, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    options = ["train", "--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1"]
    code, _, err = command(*options)
    assert code == 0, err
    assert "cache" not in err.lower()
