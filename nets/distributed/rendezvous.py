"""The processes of a training find each other, before JAX connects them on the same port.

JAX ends a process whose partners are missing with a stack trace of C++, minutes later. Here process 0 listens, every
other process says which one it is, and what is wrong is an error in one line.
"""

import errno
import logging
import re
import socket
import time
from contextlib import ExitStack
from threading import Timer

ALL_ARE_THERE = b"go"
"""What process 0 answers in the end."""
SECONDS_BETWEEN_TRIES = 0.2
SECONDS_OF_ONE_TRY = 5.0
SECONDS_UNTIL_IT_IS_SAID = 2.0
"""Seconds of waiting after which a line says so."""
MAX_BYTES = 200
"""Length of the longest message."""

logger = logging.getLogger(__name__)


def meet(address: tuple[str, int], num_processes: int, process_id: int, timeout: float) -> None:
    """Return when all processes of a training are there, or raise OSError after ``timeout`` seconds.

    Process 0 listens on the port of ``address``, and the others connect to it. OSError is also raised if it cannot
    listen, or if the host is unknown; ValueError if two processes have the same index, or another number of processes.
    """
    for_whom = f"the other {num_processes - 1}" if process_id == 0 else f"process 0 at {address[0]}:{address[1]}"
    line = ("process %d waits for %s, for %.0f s at most", process_id, for_whom, timeout)
    says_so = Timer(SECONDS_UNTIL_IT_IS_SAID, logger.warning, line)
    says_so.daemon = True
    says_so.start()
    try:
        if process_id == 0:
            _await_others(address[1], num_processes, time.monotonic() + timeout)
        else:
            _report_to_first(address, num_processes, process_id, time.monotonic() + timeout)
    finally:
        says_so.cancel()


def _await_others(port: int, num_processes: int, end: float) -> None:
    missing = set(range(1, num_processes))
    with ExitStack() as stack:
        server = stack.enter_context(_listening(port))
        connections: list[socket.socket] = []
        while missing:
            server.settimeout(max(1e-3, end - time.monotonic()))
            try:
                connection = stack.enter_context(server.accept()[0])
                connection.settimeout(SECONDS_OF_ONE_TRY)
                said = re.fullmatch(rb"process (\d+) of (\d+)", connection.recv(MAX_BYTES))
            except OSError as error:
                if time.monotonic() < end:  # one that connected and said nothing
                    continue
                names = ", ".join(map(str, sorted(missing)))
                raise OSError(errno.ETIMEDOUT, f"process {names} of {num_processes} did not connect in time") from error
            if said is None:  # a stranger
                continue
            index, count = map(int, said.groups())
            if count != num_processes or index not in missing:
                reason = (
                    f"`num_processes` must be the same in every process, got {num_processes} in process 0 and {count} "
                    f"in process {index}."
                    if count != num_processes
                    else f"`process_id` must be another in every process, got {index} in two."
                )
                for other in [connection, *connections]:
                    other.sendall(reason.encode())
                raise ValueError(reason)
            missing.remove(index)
            connections.append(connection)
        for connection in connections:
            connection.sendall(ALL_ARE_THERE)


def _listening(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise OSError(
            error.errno, f"process 0 cannot listen on port {port} ({error.strerror}); take another"
        ) from error


def _report_to_first(address: tuple[str, int], num_processes: int, process_id: int, end: float) -> None:
    where, reason = f"{address[0]}:{address[1]}", "no answer"
    while (left := end - time.monotonic()) > 0:
        try:
            with socket.create_connection(address, timeout=min(left, SECONDS_OF_ONE_TRY)) as connection:
                connection.sendall(f"process {process_id} of {num_processes}".encode())
                connection.settimeout(left)
                answer = connection.recv(MAX_BYTES)
        except socket.gaierror as error:
            raise OSError(errno.EHOSTUNREACH, f"`coordinator` {where} is unknown: {error.strerror}") from error
        except OSError as error:  # it does not listen yet
            answer, reason = b"", error.strerror or str(error)
        if answer == ALL_ARE_THERE:
            return
        if answer:
            raise ValueError(answer.decode())
        time.sleep(SECONDS_BETWEEN_TRIES)
    raise OSError(errno.ETIMEDOUT, f"process 0 of {num_processes} did not answer at {where} in time ({reason})")
