"""Error messages of other packages in one line, for use in our messages."""


def one_line(error: BaseException, max_length: int = 600) -> str:
    """Return the message of ``error`` in one line of at most ``max_length`` characters, or its type if it has no
    message.

    Examples
    --------
    >>> one_line(ValueError("first\\n   second"))
    'first second'
    >>> one_line(TimeoutError())
    'TimeoutError'
    """
    return " ".join(str(error).split())[:max_length] or type(error).__name__


def of_file(error: OSError) -> str:
    """Return the message of an error about a file, with the name of the file and without the error number.

    Examples
    --------
    >>> of_file(FileNotFoundError(2, "No such file or directory", "draws.nc"))
    'draws.nc: No such file or directory'
    """
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return error.strerror or str(error)
