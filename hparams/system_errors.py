"""Errors of the operating system, as sentences for users."""

import errno
import os
import re

from solferino.hparams.words import readable

_ELSEWHERE = 'Make room there, or name another place.'
# What to do, by the number of the error.
_ADVICE = {
    errno.ENOSPC: _ELSEWHERE,
    errno.EDQUOT: _ELSEWHERE,
    errno.EFBIG: 'The file system, or a limit such as `ulimit -f`, allows no larger file. Name another place.',
    errno.EROFS: 'Name a place that can be written to.',
    errno.EACCES: 'Change its permissions, or name another place.',
    errno.EPERM: 'Change its permissions, or name another place.',
    errno.EISDIR: 'Name a file in it.',
    errno.ENOTDIR: 'A part of this path is a file, and a folder is needed there. Name another place.',
    errno.EEXIST: 'Name another place.',
    errno.ENOTEMPTY: 'Name another place.',
    errno.ENAMETOOLONG: 'Give a shorter name.',
    errno.ENOENT: 'Check the path.',
    errno.ELOOP: 'Its links lead in a circle, or through too many others. Name the file itself.',
    errno.EMLINK: 'Name another place.',
    errno.EMFILE: 'A higher `ulimit -n` allows more files to be open, and fewer --num_workers need fewer.',
    errno.ENFILE: 'Close other programs, and give the same command again.',
    errno.EAGAIN: 'The system starts no more processes or threads: see `ulimit -u`, or ask for fewer --num_workers.',
    errno.ENOMEM: 'Close other programs, or ask for less at a time.',
    errno.EIO: 'The disk or the network does not answer as it should. Name another place.',
    errno.ESTALE: 'The folder is not there any more as it was. Give the same command again.',
    errno.EBUSY: 'Something else uses it. Give the same command again later, or name another place.',
    errno.ETXTBSY: 'Something else uses it. Give the same command again later, or name another place.',
    errno.ENXIO: 'This is no ordinary file. Name one.',
    errno.ENODEV: 'This is no ordinary file. Name one.',
    errno.EINVAL: 'This is no ordinary file, or its file system does not allow that. Name another place.',
    errno.ESPIPE: 'This is no ordinary file. Name one.',
    errno.EXDEV: 'Name a place on the same file system.',
    errno.ENOSYS: 'Its file system does not allow that. Name another place.',
    errno.EOPNOTSUPP: 'Its file system does not allow that. Name another place.',
}
_NODES = re.compile(r'\{\{.*?\}\} ?| \[Op:.*?\].*')  # TensorFlow's remarks about its graph
_NO_MEMORY = 'There is not enough memory for that'
_LESS = 'Ask for less at a time: fewer outputs, shorter ones, smaller batches, a smaller network.'


def advice(error: OSError) -> str:
    """What to do about an error: a sentence, or '' if that is not known."""
    return _ADVICE.get(error.errno or 0, '')


def sentence(error: BaseException) -> str | None:
    """A sentence with the file, the system's error and what to do; None for bugs of ours.

    TensorFlow's errors about files are recognized by the module of their class and by the system's message in them, so
    that TensorFlow need not be imported.
    """
    if isinstance(error, MemoryError):
        return f'{_NO_MEMORY}{f" ({error})" if str(error) else ""}. {_LESS}'
    if isinstance(error, UnicodeEncodeError):
        return _of_text(error)
    if isinstance(error, OSError):
        return _of_os_error(error)
    if any(cls.__module__.startswith('tensorflow.') for cls in type(error).__mro__):
        return _of_tensorflow(str(getattr(error, 'message', error)))
    return None


def _of_text(error: UnicodeEncodeError) -> str | None:
    """Bytes of names that are not UTF-8 are surrogates in Python, which libraries cannot write."""
    found = error.object[error.start : error.end]
    if not all('\udc80' <= letter <= '\udcff' for letter in found):
        return None
    name = readable(error.object)
    return (
        f'{name!r} is not in UTF-8, or the terminal is not (LC_ALL=C.UTF-8 makes it so). Rename the file or folder, or '
        'write that text otherwise.'
    )


def _of_os_error(error: OSError) -> str | None:
    if error.errno not in _ADVICE:
        return None
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    if not names:
        return _of_nameless(error)
    return f'{" and ".join(names)}: {error.strerror}. {advice(error)}'


def _of_nameless(error: OSError) -> str:
    try:
        os.getcwd()
    except OSError:
        return 'The folder in which this command runs is not there any more. Go to another one with `cd`.'
    return f'{(error.strerror or str(error)).rstrip(".")}. {advice(error)}'


def _of_tensorflow(message: str) -> str | None:
    first = _NODES.sub('', message.split('\n')[0])
    if 'OOM when allocating' in message or 'failed to allocate memory' in message.lower():
        return f'{_NO_MEMORY} ({first}). {_LESS}'
    for number, then in _ADVICE.items():
        if os.strerror(number) in message:
            return f'{first.rstrip(".")}. {then}'
    return None
