"""Tasks: in processes or in this one the same results, each once, kept until all is done, with errors in one line."""

import multiprocessing
import os
import time
from operator import mul, truediv

import numpy as np
import pytest

from reports.shared import work
from reports.shared.work import Store, Task, TaskError

CALLS = []


def double(x):
    CALLS.append(x)
    return 2 * x


def total(needs):
    return sum(done.result for done in needs)


def pid(_):
    return os.getpid()


def task(function=double, arguments=(1,), seconds=1.0, **fields):
    return Task(
        function=function, arguments=arguments, label=f"{function.__name__}{arguments}", seconds=seconds, **fields
    )


def run(*tasks, processes=1, store=None, announce=lambda *_: None):
    CALLS.clear()
    return work.run(tasks, processes=processes, environment={}, store=store or Store(None), announce=announce)


def test_a_task_that_two_need_runs_once_and_before_them():
    one, two, again = task(), task(arguments=(2,)), task()
    first, second = task(total, (), needs=(one, two)), task(total, (), needs=(again,))
    done = run(first, second)
    assert (done[first].result, done[second].result) == (6, 2)
    assert sorted(CALLS) == [1, 2]


def test_what_the_longest_work_waits_for_comes_first():
    short, long = task(arguments=(1,), seconds=3), task(arguments=(2,), seconds=1)
    run(task(total, (), needs=(short,), seconds=1), task(total, (), needs=(long,), seconds=9))
    assert CALLS == [2, 1]


def test_progress_says_what_is_left_in_seconds():
    left = []
    run(task(), task(arguments=(2,), seconds=3), announce=lambda task, seconds: left.append((task.seconds, seconds)))
    assert [seconds for seconds, _ in left] == [3, 1]
    assert left[0][1] == pytest.approx(10 / 13, rel=0.1)  # one second of work, and 3 + 10 were done in 10
    assert left[1][1] == 0


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    def interrupted():
        with work.stored(tmp_path / "unfinished", "code") as store:
            run(task(), store=store)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with work.stored(tmp_path / "unfinished", "code") as store:
        assert run(task(), task(arguments=(2,)), task(arguments=(3,), keep=False), store=store)[task()].result == 2
        assert sorted(CALLS) == [2, 3]
        run(task(), task(arguments=(3,), keep=False), store=Store(store.folder, "other code"))
        assert sorted(CALLS) == [1, 3]
        for file in (tmp_path / "unfinished").iterdir():
            file.write_bytes(b"damaged")
        assert run(task(), store=store)[task()].result == 2
        assert CALLS == [1]
    assert not (tmp_path / "unfinished").exists()


def test_an_error_in_this_process_is_the_error_itself():
    with pytest.raises(ZeroDivisionError):
        run(task(truediv, (1, 0)))


@pytest.fixture(scope="module")
def in_processes():
    """What two processes return, and what one raises."""
    tasks = [task(mul, (3, 4)), task(pid, (1,)), task(np.arange, (3,))]
    done = run(*tasks, processes=2)
    with pytest.raises(TaskError) as failed:
        run(task(truediv, (1, 0)), processes=2)
    return [done[t].result for t in tasks], str(failed.value)


def test_processes_give_the_same_results_and_end_with_the_run(in_processes):
    product, process, array = in_processes[0]
    assert product == 12
    assert process != os.getpid()
    assert array.tolist() == [0, 1, 2]
    assert not multiprocessing.active_children()
    assert "NPROC" not in os.environ


def test_an_error_in_a_process_is_one_line_with_the_way_to_its_place(in_processes):
    assert in_processes[1] == ("truediv(1, 0) failed: ZeroDivisionError: division by zero; --processes 1 shows where.")


def test_ctrl_c_ends_every_process_in_the_middle_of_its_task():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(task(mul, (3, 4)), task(time.sleep, (600,), seconds=0.5), processes=2, announce=interrupted)
    assert not multiprocessing.active_children()
