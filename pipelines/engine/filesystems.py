"""Files on this machine, or where Beam's filesystems are: s3://, gs://, hdfs://.

A path on this machine never needs Beam. Workers on other machines know no options of the command that started them:
`use` tells them, so that they reach the same servers.
"""

import builtins
import contextlib
import copy
import errno
import functools
import importlib.util
import io
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple, Protocol

from solferino.hparams.errors import SolferinoError

# The package that each kind of path needs beside Beam, and the extra of ours that brings it.
_NEEDS = {'s3': ('boto3', 'aws'), 'gs': ('google.cloud.storage', 'gcp'), 'hdfs': ('hdfs', 'hdfs')}
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://')
_ANSWER_SECONDS = 20
_ADVICE = 'Check its name, that this machine reaches its server, and how one signs in there (docs/engines.md).'
_READ_BYTES = 1 << 18  # of a remote file at once; Beam asks for more
_AT_A_TIME = 10  # files that are renamed or deleted side by side; boto3 has as many connections
_WILD = re.compile(r'[\[*?]')
_CALLED = re.compile(r'^An error occurred \(\w+\) when calling .*?: ')  # what boto3 says before what the server says
_HIDDEN = re.compile(r'/\.[^/]+\.[0-9a-f]{8}\.tmp/')  # what runs prepare, see `remote_staging`

_in_force: tuple[tuple[str, ...] | None, Any] = None, None  # Beam's flags, and the options made of them


class Refused(SolferinoError):
    """A file that a server has and does not give, such as one that is archived, or without permission.

    Attributes:
      said: what the server says.
    """

    def __init__(self, message: str, said: str = ''):
        super().__init__(message)
        self.said = said


class Output(Protocol):
    """What is written to."""

    def write(self, data: bytes, /) -> object:
        """Adds bytes."""


class Found(NamedTuple):
    """A file that is there, and its size in bytes."""

    path: str
    size: int


def is_remote(path: str) -> bool:
    """Whether a path is reached by one of Beam's filesystems, and is not one of this machine."""
    return bool(_SCHEME.match(path))


def absolute(path: str) -> str:
    """Returns a path on this machine as an absolute one, a remote one without a slash at its end."""
    return path.rstrip('/') if is_remote(path) else os.path.abspath(os.path.expanduser(path))


def is_bucket(path: str) -> bool:
    """Whether a path is a bucket's, and names nothing in it. HDFS has none."""
    return bool(re.fullmatch(r'(s3|gs)://[^/]+/*', path))


def require(path: str, flag: str) -> None:
    """Raises SolferinoError for a remote path of an unknown kind, or whose kind needs a package that is missing."""
    match = _SCHEME.match(path)
    if not match:
        return
    if match[1] not in _NEEDS:
        known = ', '.join(f'{scheme}://' for scheme in _NEEDS)
        raise SolferinoError(f'--{flag}={path}: paths that begin with {match[1]}:// are not known; {known} are.')
    package, extra = _NEEDS[match[1]]
    try:
        there = importlib.util.find_spec(package)
    except ImportError:  # of a package's parent
        there = None
    if not there:
        raise SolferinoError(f"--{flag}={path} needs a package that is not installed: pip install 'solferino[{extra}]'")
    if not re.match(r'[a-z0-9]+://[^/]+', path):
        raise SolferinoError(f'--{flag}={path} names no bucket. Write it as {match[1]}://bucket/name.')


def prepare(paths: Iterable[tuple[str, str]], beam_args: Sequence[str]) -> None:
    """Gets ready for flags' paths. Raises SolferinoError as `require` does."""
    paths = list(paths)
    for flag, path in paths:
        require(path, flag)
    for path in (path for _, path in paths if is_remote(path)):
        use(beam_args)
        _require_answer(path)


def use(beam_args: Sequence[str]) -> None:
    """Makes Beam's filesystems follow Beam's flags, such as --s3_endpoint_url, in this process."""
    global _in_force
    from solferino.pipelines.engine.lean_beam import beam

    systems, (known, options) = _beam(), _in_force
    if known != tuple(beam_args):
        options = beam.options.pipeline_options.PipelineOptions(list(beam_args))
        _in_force = tuple(beam_args), options
    systems.set_options(options)  # again: each pipeline that is made sets its own


def join(folder: str, name: str) -> str:
    """'s3://bucket/music', 'a.mid' -> 's3://bucket/music/a.mid'"""
    return f'{folder}/{name}' if is_remote(folder) else os.path.join(folder, name)


def find(pattern: str) -> Iterator[Found]:
    """Yields the files that match a remote pattern, in no order; `*` stops at slashes, `**` does not.

    What runs prepare below the folder asked for is passed over, and so are the empty objects that stand for folders.
    """
    return _find(pattern, _folder_of(pattern))


def near(path: str) -> str:
    """A pattern that matches the path, and few others: Beam's patterns cannot quote what is special in them."""
    return _WILD.sub('?', path)


def below(folder: str) -> Iterator[Found]:
    """Yields the files below a remote folder, in no order, as `find` does."""
    return (found for found in _find(f'{near(folder)}/**', folder) if found.path.startswith(f'{folder}/'))


def size(path: str) -> int | None:
    """Returns the number of bytes of a file, None if it is not there."""
    if not is_remote(path):
        return os.path.getsize(path) if os.path.exists(path) else None
    with _named(path):
        return next((found.size for found in _match(near(path)) if found.path == path), None)


def read(path: str) -> bytes:
    """Returns the content of a file.

    Raises FileNotFoundError if it is not there, Refused if its server does not give it, else SolferinoError.
    """
    with open(path) as file:
        return file.read()


def open(path: str) -> IO[bytes]:
    """Opens a file for reading. This, and reading, raises as `read`."""
    return io.BufferedReader(_Download(path), _READ_BYTES) if is_remote(path) else builtins.open(path, 'rb')


@contextlib.contextmanager
def create(path: str) -> Iterator[Output]:
    """Opens a new file for writing; a remote one is there only after the block."""
    if not is_remote(path):
        with builtins.open(path, 'wb') as file:
            yield file
        return
    with _named(path):
        upload = _Upload(path)
        yield upload
        upload.close()


def rename(pairs: Iterable[tuple[str, str]]) -> None:
    """Renames remote files, many at a time; a file that has the new name is replaced."""
    _side_by_side(_rename, pairs)


def delete(paths: Iterable[str]) -> None:
    """Deletes remote files, those that are there."""
    _side_by_side(_delete, paths)


def clear(folder: str) -> None:
    """Deletes what is in a remote folder."""
    with _named(folder):
        _beam().delete([f'{folder}/'])


def require_no_folder(path: str) -> None:
    """Raises SolferinoError if a remote path is a folder's. Only HDFS has folders."""
    with _named(path):
        if path.startswith('hdfs://') and _hdfs_status(path).get('type') == 'DIRECTORY':
            raise SolferinoError(f'{path} is a folder. Give another name, or delete it.')


def require_seen(folder: str) -> None:
    """Raises SolferinoError in a worker that does not see a folder of the machine that started the pipeline."""
    if not os.path.isdir(folder):
        raise SolferinoError(
            f'A worker ({socket.gethostname()}) does not see {folder}. Put the files where all workers see them, such '
            'as s3://bucket/name, or leave out --runner.'
        )


class _Download(io.RawIOBase):
    """A remote file that is read. Beam asks for the first byte where it is read, so that errors come from there too."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path
        with _named(path):
            self._file = _beam().open(path, compression_type='uncompressed')

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with _named(self._path):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        with _named(self._path):
            return self._file.readinto(buffer)

    def readall(self) -> bytes:
        with _named(self._path):
            return self._file.read()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Upload:
    """A remote file that is written. S3 takes no upload without a part, as Beam would make one of an empty file."""

    def __init__(self, path: str):
        self._path = path
        self._file: IO[bytes] | None = None
        if path.startswith('hdfs://'):  # which replaces nothing, and bundles are repeated
            _delete(path)
        if not path.startswith('s3://'):
            self._begin()

    def _begin(self) -> IO[bytes]:
        self._file = _beam().create(self._path, compression_type='uncompressed')
        return self._file

    def write(self, data: bytes, /) -> None:
        if data:
            (self._file or self._begin()).write(data)

    def close(self) -> None:
        if self._file:
            self._file.close()
            return
        bucket, key = self._path.removeprefix('s3://').split('/', 1)
        _s3_client(_beam()._pipeline_options).client.put_object(Bucket=bucket, Key=key, Body=b'')


def _require_answer(path: str) -> None:
    """Raises SolferinoError if the server of a path does not answer soon, or refuses."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            size(f'{path}/x' if is_bucket(path) else path)
        except BaseException as error:
            raised.append(error)

    asking = threading.Thread(target=ask, daemon=True)  # which nothing waits for, if no answer comes
    asking.start()
    asking.join(_ANSWER_SECONDS)
    if asking.is_alive():
        raise SolferinoError(f'{path}: its server does not answer. {_ADVICE}')
    if raised and not isinstance(raised[0], FileNotFoundError):
        raise raised[0]


def _side_by_side(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in pool.map(work, items):
            pass


def _rename(pair: tuple[str, str]) -> None:
    old, new = pair
    with _named(new):
        if new.startswith('hdfs://'):  # it replaces nothing, and moves into folders
            require_no_folder(new)
            _delete(new)
        _beam().rename([old], [new])


def _delete(path: str) -> None:
    with _named(path):
        if size(path) is not None:
            _beam().delete([path])


def _folder_of(pattern: str) -> str:
    """The folder below which all that matches is: 's3://bucket/a/b*/**' -> 's3://bucket/a'"""
    return _WILD.split(pattern)[0].rpartition('/')[0]


def _find(pattern: str, folder: str) -> Iterator[Found]:
    with contextlib.suppress(FileNotFoundError), _named(pattern):  # of a bucket that is not there
        for found in _match(pattern):
            if not _HIDDEN.search(found.path, len(folder)) and not found.path.endswith('/'):
                yield found


def _match(pattern: str) -> Iterator[Found]:
    """Yields what matches a pattern: files, with their size in bytes."""
    if pattern.startswith('hdfs://'):
        yield from _hdfs_match(pattern)
        return
    for found in _beam().match([pattern])[0].metadata_list:
        yield Found(found.path, found.size_in_bytes)


def _hdfs_match(pattern: str) -> Iterator[Found]:
    """As `_match` in HDFS, where Beam looks into one folder and takes the folders there for files."""
    if not _WILD.search(pattern):
        status = _hdfs_status(pattern)
        return iter([Found(pattern, status['length'])] if status.get('type') == 'FILE' else [])
    system, folder = _beam().get_filesystem(pattern), _folder_of(pattern)
    rest = pattern[len(folder) + 1 :]
    return system.match_files(_hdfs_files(system, folder, deep='/' in rest or '**' in rest), pattern)


def _hdfs_status(path: str) -> Mapping[str, Any]:
    """What HDFS knows of a file or folder; nothing of one that is not there."""
    system = _beam().get_filesystem(path)
    return system._hdfs_client.status(system._parse_url(path)[1], strict=False) or {}


def _hdfs_files(system: Any, folder: str, deep: bool) -> Iterator[Found]:
    """Yields the files of a folder, `deep` those of its subfolders too; none of a folder that is not there."""
    if not _hdfs_status(folder):
        return
    for name, status in system._hdfs_client.list(system._parse_url(folder)[1], status=True):
        found = Found(f'{folder}/{name}', status['length'])
        if status['type'] == 'FILE':
            yield found
        elif deep and not _HIDDEN.fullmatch(f'/{name}/'):
            yield from _hdfs_files(system, found.path, deep)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Makes what Beam's filesystems raise FileNotFoundError, Refused, or another SolferinoError that names the path."""
    try:
        yield
    except (SolferinoError, FileNotFoundError):
        raise
    except Exception as error:
        inner = error
        while isinstance(details := getattr(inner, 'exception_details', None), dict) and details:
            inner = next(iter(details.values()))
        why = {getattr(inner, name, None) for name in ('errno', 'code', 'exception')}
        # As this machine, S3 and Google, and HDFS say that a file is not there, or not given.
        missing = {errno.ENOENT, 404, 'FileNotFoundException'}
        refused = {errno.EACCES, 403, 'AccessControlException'}
        if why & missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        # S3's errors are tuples of text and status.
        said = inner.args[0] if inner.args and isinstance(inner.args[0], str) else str(inner)
        said = _CALLED.sub('', said).rstrip('.')
        message = f'{path} cannot be used: {said}. {_ADVICE}'
        raise (Refused(message, said) if why & refused else SolferinoError(message)) from error


_NO_ANSWER = 400  # an error that is not tried again
_of_thread, _sharing = threading.local(), threading.Lock()
_shared: tuple[Any, Any] = None, None  # the options that a client was made of, and the client


def _s3_client(options: Any) -> Any:
    """Returns Beam's client for S3, where Beam makes one for each file: that takes 0.1 s.

    All share a connection, and each thread has a client of its own, which holds what the thread is reading.
    """
    global _shared
    with _sharing:
        if _shared[0] is not options:
            _shared = options, _new_s3_client(options)
        shared = _shared[1]
    held = getattr(_of_thread, 's3', None)
    if not held or held[0] is not shared:
        _of_thread.s3 = held = shared, copy.copy(shared)
    return held[1]


def _new_s3_client(options: Any) -> Any:
    raise NotImplementedError  # Beam's own, set by `_beam`


def _gs_client(options: Any, use_credentials: bool = True) -> Any:
    """Returns Beam's client for Google's store, one for each thread, where Beam makes one for each request.

    Who is not signed in is anonymous at once, where Beam looks for credentials five times, in half a minute.
    """
    held = getattr(_of_thread, 'gs', None)
    if not held or held[0] is not options:
        _of_thread.gs = held = options, _new_gs_client(options, use_credentials and _is_signed_in_to_google())
    return held[1]


@functools.cache
def _is_signed_in_to_google() -> bool:
    import google.auth.exceptions

    try:
        return not os.environ.get('STORAGE_EMULATOR_HOST') and bool(google.auth.default())
    except google.auth.exceptions.DefaultCredentialsError:
        return False


def _new_gs_client(options: Any, use_credentials: bool) -> Any:
    raise NotImplementedError  # Beam's own, set by `_beam`


_preparing = threading.Lock()  # threads that import a module side by side may see a part of it
_systems: Any = None


def _beam() -> Any:
    """Beam's FileSystems, with clients that are used again."""
    global _systems
    with _preparing:
        _systems = _systems or _with_our_clients()
        return _systems


def _with_our_clients() -> Any:
    global _new_s3_client, _new_gs_client
    from solferino.pipelines.engine.lean_beam import beam  # noqa: F401, I001 before any other module of Beam's
    from apache_beam.io.filesystems import FileSystems

    with contextlib.suppress(ImportError):
        from apache_beam.io.aws.clients.s3 import boto3_client

        if boto3_client.boto3 and boto3_client.Client is not _s3_client:  # it is after an error below
            _new_s3_client, boto3_client.Client = boto3_client.Client, _s3_client
            status_of = boto3_client.get_http_error_code
            # boto3 has tried five times where no server answers; Beam would go on for ten minutes.
            boto3_client.get_http_error_code = lambda error: status_of(error) or _NO_ANSWER
    with contextlib.suppress(ImportError):
        from apache_beam.io.gcp import gcsio

        if gcsio.create_storage_client is not _gs_client:
            _new_gs_client, gcsio.create_storage_client = gcsio.create_storage_client, _gs_client
    return FileSystems
