"""The cost model of data parallel training: its limits, which are known."""

import math

import pytest

from benchmarks.scaling import BATCH, Compute, Link, all_reduce_seconds, gpu, images_per_second, line_through

COMPUTE, LINK, PARAMETERS = Compute(a_step=4e-3, an_image=5e-5), Link(latency=1e-5, bandwidth=1e9), 4_000_000


def speed(batch, p, compute=COMPUTE, link=LINK):
    return images_per_second(batch, p, compute, PARAMETERS, link)


def test_one_device_is_what_was_measured():
    compute = line_through((8, 5e-3), (BATCH, 17e-3))
    assert speed(BATCH, 1, compute) == pytest.approx(BATCH / 17e-3)
    assert speed(8, 1, compute) == pytest.approx(8 / 5e-3)


@pytest.mark.parametrize("p", [2, 8, 64])
def test_with_a_link_that_costs_nothing_it_is_linear_in_the_devices(p):
    free = Link(latency=0.0, bandwidth=math.inf)
    assert speed(p * BATCH, p, link=free) == pytest.approx(p * speed(BATCH, 1))
    assert speed(BATCH, p, Compute(0.0, 5e-5), free) == pytest.approx(p * speed(BATCH, 1, Compute(0.0, 5e-5)))
    assert speed(p * BATCH, p) < 0.99 * p * speed(BATCH, 1)  # and is not where the link costs something


def test_a_shared_batch_ends_at_what_a_step_costs_without_images():
    free = Link(latency=0.0, bandwidth=math.inf)
    assert speed(BATCH, 10**9, link=free) == pytest.approx(BATCH / COMPUTE.a_step)


def test_an_all_reduce_sends_every_number_nearly_twice():
    assert all_reduce_seconds(PARAMETERS, 1, LINK) == 0
    assert all_reduce_seconds(PARAMETERS, 2, Link(0.0, 1e9)) == pytest.approx(4 * PARAMETERS / 1e9)
    assert all_reduce_seconds(PARAMETERS, 10**6, Link(0.0, 1e9)) == pytest.approx(8 * PARAMETERS / 1e9, rel=1e-5)
    assert all_reduce_seconds(0, 8, Link(1.0, 1e9)) == 6  # down a tree of three levels, and up


def test_a_gpu_takes_its_operations_over_its_rate():
    assert gpu("conv", 10_000).an_image == pytest.approx(72e6 / 99e12)
