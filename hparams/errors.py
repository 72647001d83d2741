"""The one exception that is meant for the musician."""


class SolferinoError(Exception):
    """An error that the user can correct.

    The message says what is wrong, in which file or flag, and what to do. Binaries print it without a
    traceback and exit with code 1; any other exception is a bug of ours.

    >>> from solferino.models import SolferinoError, load
    >>> try:
    ...     load('nothing.mag')
    ... except SolferinoError as error:
    ...     print(error)
    There is no bundle nothing.mag.
    """
