"""Missing devices and too little memory are errors in one line."""

import jax
import pytest

from nets.distributed.device_errors import report_device_errors, require_devices
from nets.distributed.processes import LostProcessError


def raise_(error):
    raise error


@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize backend 'cuda'"), AssertionError()])
def test_missing_devices_that_are_asked_for_are_named(monkeypatch, error):
    require_devices()
    monkeypatch.setattr(jax, "local_devices", lambda: raise_(error))
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(ValueError, match=r"`JAX_PLATFORMS` must name devices .* got 'cuda'.*; unset it, or install"):
        require_devices()
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(OSError, match=r"JAX starts no device.*; look at XLA_FLAGS"):
        require_devices()


def test_too_little_memory_is_named_with_a_way_out_and_other_errors_remain():
    full = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9.00GiB.\ndetails")
    message = r"too little memory \(.*9.00GiB. details\); take a smaller --batch-size"
    with pytest.raises(OSError, match=message), report_device_errors():
        raise full
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"), report_device_errors():
        raise jax.errors.JaxRuntimeError("INTERNAL: a bug")
    with pytest.raises(OSError, match=r"too little memory .*; take a smaller"), report_device_errors():
        raise MemoryError


@pytest.mark.parametrize("kind", [jax.errors.JaxRuntimeError, ValueError])
def test_a_failed_collective_names_the_process(monkeypatch, kind):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    failed = kind("INTERNAL: Gloo all-reduce failed")
    message = r"process 0 stopped: a collective computation failed \(INTERNAL: Gloo all-reduce failed\); look at"
    with pytest.raises(LostProcessError, match=message), report_device_errors():
        raise failed
    with pytest.raises(ValueError, match="`epochs`"), report_device_errors():
        raise ValueError("`epochs` must be 1 or more")
