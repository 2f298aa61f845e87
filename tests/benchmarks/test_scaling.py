"""The cost model of data parallel training: its known limits."""

import math

import pytest

from benchmarks.scaling import (
    BATCH,
    ComputeTime,
    Link,
    all_reduce_seconds,
    fit_compute_time,
    gpu_compute_time,
    images_per_second,
)

COMPUTE, LINK, PARAMETERS = ComputeTime(per_step=4e-3, per_image=5e-5), Link(latency=1e-5, bandwidth=1e9), 4_000_000


def speed(batch, p, compute=COMPUTE, link=LINK):
    return images_per_second(batch, p, compute, PARAMETERS, link)


def test_one_device_has_the_measured_speed():
    compute = fit_compute_time((8, 5e-3), (BATCH, 17e-3))
    assert speed(BATCH, 1, compute) == pytest.approx(BATCH / 17e-3)
    assert speed(8, 1, compute) == pytest.approx(8 / 5e-3)


@pytest.mark.parametrize("p", [2, 8, 64])
def test_with_a_free_link_the_speed_is_linear_in_the_devices(p):
    free_link = Link(latency=0.0, bandwidth=math.inf)
    assert speed(p * BATCH, p, link=free_link) == pytest.approx(p * speed(BATCH, 1))
    assert speed(BATCH, p, ComputeTime(0.0, 5e-5), free_link) == pytest.approx(
        p * speed(BATCH, 1, ComputeTime(0.0, 5e-5))
    )
    assert speed(p * BATCH, p) < 0.99 * p * speed(BATCH, 1)  # not with a link that takes time


def test_a_shared_batch_ends_at_what_per_step_costs_without_images():
    free_link = Link(latency=0.0, bandwidth=math.inf)
    assert speed(BATCH, 10**9, link=free_link) == pytest.approx(BATCH / COMPUTE.per_step)


def test_an_all_reduce_sends_every_number_nearly_twice():
    assert all_reduce_seconds(PARAMETERS, 1, LINK) == 0
    assert all_reduce_seconds(PARAMETERS, 2, Link(0.0, 1e9)) == pytest.approx(4 * PARAMETERS / 1e9)
    assert all_reduce_seconds(PARAMETERS, 10**6, Link(0.0, 1e9)) == pytest.approx(8 * PARAMETERS / 1e9, rel=1e-5)
    assert all_reduce_seconds(0, 8, Link(1.0, 1e9)) == 6  # down a tree of three levels, and up


def test_the_time_per_image_of_a_gpu_is_operations_over_rate():
    assert gpu_compute_time("conv", 10_000).per_image == pytest.approx(72e6 / 99e12)
