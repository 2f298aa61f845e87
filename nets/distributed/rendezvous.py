"""The processes of a training find each other, before JAX connects them on the same port.

JAX ends a process whose partners are missing with a stack trace of C++, minutes later. Here process 0 listens, every
other process says which one it is, and what is wrong is an error in one line.
"""

import errno
import logging
import re
import selectors
import socket
import time
from contextlib import ExitStack, suppress
from threading import Timer
from typing import cast

ALL_ARE_THERE = b"go"
"""What process 0 answers in the end."""
ERROR = b"error: "
"""Beginning of what it answers if processes do not fit each other."""
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
    there: dict[int, socket.socket] = {}
    gone: set[int] = set()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        server = stack.enter_context(_listening(port))
        selector.register(server, selectors.EVENT_READ)
        while len(there) < num_processes - 1:
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                raise OSError(errno.ETIMEDOUT, _who_is_missing(num_processes, {*there}, gone))
            for key, _ in ready:
                if key.fileobj is server:
                    selector.register(stack.enter_context(server.accept()[0]), selectors.EVENT_READ)
                    continue
                connection = cast(socket.socket, key.fileobj)
                said = _received(connection)
                known = [index for index, other in there.items() if other is connection]
                if not said or known:  # it has gone
                    selector.unregister(connection)
                    for index in known:
                        del there[index]
                    gone.update(known)
                elif match := re.fullmatch(rb"process (\d+) of (\d+)", said):  # else a stranger
                    index, count = map(int, match.groups())
                    _require_one_of(num_processes, index, count, connection, there)
                    there[index] = connection
        for connection in there.values():
            _send(connection, ALL_ARE_THERE)


def _who_is_missing(num_processes: int, there: set[int], gone: set[int]) -> str:
    """Return which processes never connected, and which did and have not come back."""
    missing = set(range(1, num_processes)) - there
    reasons = {"did not connect in time": missing - gone, "connected, but ended before the others came": missing & gone}
    return "; ".join(
        f"process {', '.join(map(str, sorted(which)))} of {num_processes} {reason}"
        for reason, which in reasons.items()
        if which
    )


def _require_one_of(
    num_processes: int, index: int, count: int, connection: socket.socket, there: dict[int, socket.socket]
) -> None:
    """Raise ValueError, also in the other processes, unless a process is a new one of as many."""
    if count == num_processes and 0 < index < count and index not in there:
        return
    reason = f"`process_id` must be another in every process, got {index} in two."
    if index >= count:
        reason = f"`process_id` must be from 0 to {count - 1}, got {index}."
    if count != num_processes:
        reason = (
            f"`num_processes` must be the same in every process, got {num_processes} in process 0 and {count} in "
            f"process {index}."
        )
    for other in [connection, *there.values()]:
        _send(other, ERROR + reason.encode())
    raise ValueError(reason)


def _received(connection: socket.socket) -> bytes:
    """Return what was sent on a connection that is ready; nothing if it has gone."""
    try:
        return connection.recv(MAX_BYTES)
    except OSError:
        return b""


def _send(connection: socket.socket, message: bytes) -> None:
    """Send a message, unless the other side has gone; JAX then says which process is missing."""
    with suppress(OSError):
        connection.sendall(message)


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
    where, no_answer, stranger = f"{address[0]}:{address[1]}", "no answer", ""
    while (left := end - time.monotonic()) > 0:
        try:
            with socket.create_connection(address, timeout=min(left, SECONDS_OF_ONE_TRY)) as connection:
                connection.sendall(f"process {process_id} of {num_processes}".encode())
                connection.settimeout(left)
                answer = connection.recv(MAX_BYTES)
        except socket.gaierror as error:
            raise OSError(errno.EHOSTUNREACH, f"`coordinator` {where} is unknown: {error.strerror}") from error
        except OSError as error:  # it does not listen yet
            answer, no_answer = b"", error.strerror or str(error)
        if answer == ALL_ARE_THERE:
            return
        if answer.startswith(ERROR):
            raise ValueError(answer.removeprefix(ERROR).decode())
        if answer:
            stranger = "another program listens there"
        time.sleep(SECONDS_BETWEEN_TRIES)
    reason = f"process 0 of {num_processes} did not answer at {where} in time ({stranger or no_answer})"
    raise OSError(errno.ETIMEDOUT, reason)
