"""Processes meet before JAX connects them; what is wrong is said in one line."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from nets.distributed import rendezvous
from nets.distributed.rendezvous import meet


@pytest.fixture
def port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def outcome(*arguments):
    try:
        return meet(*arguments)
    except (OSError, ValueError) as error:
        return error


def outcomes(port, *processes):
    """Return what `meet` returns or raises in each of ``processes``: number of processes, index."""
    with ThreadPoolExecutor(len(processes)) as threads:
        calls = [threads.submit(outcome, ("localhost", port), *process, 5.0) for process in processes]
        return [call.result() for call in calls]


def test_all_go_on_when_all_are_there_and_the_port_is_free_again(port):
    assert outcomes(port, (3, 2), (3, 0), (3, 1)) == [None] * 3
    assert outcomes(port, (2, 0), (2, 1)) == [None] * 2


def connected(port):
    """Return a connection to the port, as soon as a process listens there."""
    while True:
        with suppress(OSError):
            return socket.create_connection(("localhost", port))
        time.sleep(0.01)


def test_missing_processes_are_named(port, caplog, monkeypatch):
    monkeypatch.setattr(rendezvous, "SECONDS_UNTIL_IT_IS_SAID", 0.1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(outcome, ("localhost", port), 4, 0, 2.0)
        with connected(port) as waits, connected(port) as gives_up:
            waits.sendall(b"process 2 of 4")
            gives_up.sendall(b"process 3 of 4")
            gives_up.close()
            reason = str(first.result())
    assert "process 1 of 4 did not connect in time; process 3 of 4 connected, but ended before the others" in reason
    assert "process 0 waits for the other 3, for 2 s at most" in caplog.text


def test_the_first_process_is_named_if_it_is_missing(port):
    reason = str(outcome(("localhost", port), 4, 2, 0.3))
    assert f"process 0 of 4 did not answer at localhost:{port} in time" in reason


def test_the_same_index_twice_or_another_number_is_an_error_of_all(port):
    twice = outcomes(port, (3, 0), (3, 1), (3, 1))
    assert {str(error) for error in twice} == {"`process_id` must be another in every process, got 1 in two."}
    beyond = outcomes(port, (2, 0), (2, 7))
    assert {str(error) for error in beyond} == {"`process_id` must be from 0 to 1, got 7."}
    other = outcomes(port, (2, 0), (3, 1))
    assert {type(error) for error in other} == {ValueError}
    assert {str(error) for error in other} == {
        "`num_processes` must be the same in every process, got 2 in process 0 and 3 in process 1."
    }


def test_strangers_are_ignored_silent_ones_too(port):
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(outcome, ("localhost", port), 2, 0, 5.0)
        with connected(port) as stranger, connected(port):
            stranger.sendall(b"GET / HTTP/1.1\r\n")
            assert outcome(("localhost", port), 2, 1, 5.0) is None
        assert first.result() is None


def test_a_process_that_died_while_it_waited_may_start_again(port):
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(outcome, ("localhost", port), 3, 0, 5.0)
        with connected(port) as dead:
            dead.sendall(b"process 1 of 3")
        assert outcomes(port, (3, 1), (3, 2)) == [None, None]
        assert first.result() is None


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\nx: y\r\n", b"\xff\xfe"])
def test_another_program_on_the_port_is_named(port, answer):
    with socket.create_server(("localhost", port)) as server, ThreadPoolExecutor(1) as threads:
        second = threads.submit(outcome, ("localhost", port), 2, 1, 1.0)
        connection, _ = server.accept()
        with connection:
            connection.sendall(answer)
        assert f"did not answer at localhost:{port} in time (another program listens there)" in str(second.result())


def test_a_port_in_use_and_an_unknown_host_are_named_at_once(port):
    with socket.create_server(("", port)):
        error = outcome(("localhost", port), 2, 0, 60.0)
    assert f"process 0 cannot listen on port {port} (" in str(error)
    error = outcome(("nowhere.invalid", port), 2, 1, 60.0)
    assert f"`coordinator` nowhere.invalid:{port} is unknown" in str(error)
