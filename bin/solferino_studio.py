"""The studio: a page in the browser that generates music with trained models, and plays it.

    solferino_studio --bundle_file=drums.mag,melodies.mag

It prints its address, with a token that keeps others out, and opens it in the browser. What is made is kept in
--work_dir; the page can be closed and opened again.
"""

import getpass
import os
from pathlib import Path

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError

_LOOPBACK = ('127.0.0.1', '::1', 'localhost')


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_list('bundle_file', [], 'Bundles (.mag) to offer, with commas between them.', flag_values=fv)
    flags.DEFINE_list('run_dir', [], 'Directories of training runs to offer, with commas between them.', flag_values=fv)
    flags.DEFINE_list(
        'music', [], 'Training music to compare with what is made: files, folders or NoteSequences, with commas '
        'between them.', flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_string('work_dir', 'studio', 'Folder for all that is made; made if missing.', flag_values=fv)
    flags.DEFINE_string(
        'host', '127.0.0.1', 'Where to listen. Only this machine reaches 127.0.0.1; others reach 0.0.0.0, which asks '
        'for a password.', flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_integer(
        'port', 0, 'Port to listen at; 0 for one that is free.', lower_bound=0, upper_bound=65535, flag_values=fv
    )
    flags.DEFINE_bool('browser', True, 'Open the page in the browser.', flag_values=fv)
    flags.DEFINE_string(
        'password_file', None, 'A file whose first line is the password; without it, it is asked for.', flag_values=fv
    )
    flags.DEFINE_integer('job_seconds', 300, 'What one request may take.', lower_bound=1, flag_values=fv)
    flags.DEFINE_integer(
        'job_memory_mb', 4096, 'What one request may take.', lower_bound=512, upper_bound=1 << 20, flag_values=fv
    )
    flags.DEFINE_integer(
        'num_workers', 1, 'How many requests are computed at a time, each by a process.', lower_bound=1,
        upper_bound=64, flag_values=fv,
    )  # fmt: skip
    flags.DEFINE_integer('work_gb', 20, 'What --work_dir may hold, in GB.', lower_bound=1, flag_values=fv)


def main(fv: flags.FlagValues) -> None:
    """Serves the page."""
    from solferino.pipelines.studio import server
    from solferino.pipelines.studio.computing import job_queue

    paths = [Path(os.path.expanduser(name)) for name in (*fv.bundle_file, *fv.run_dir)]
    for path in paths:
        if not path.exists():
            raise SolferinoError(f'{path} is not there. Name a bundle (--bundle_file) or a training run (--run_dir).')
    music = [Path(os.path.expanduser(name)) for name in fv.music]
    for path in music:
        if not path.exists():
            raise SolferinoError(f'--music={path} is not there.')
    password = '' if fv.host in _LOOPBACK and not fv.password_file else _password(fv)
    server.serve(
        server.Settings(
            paths, music, Path(os.path.expanduser(fv.work_dir)), fv.host, fv.port, password, fv.browser,
            job_queue.Limits(fv.job_seconds, fv.job_memory_mb, workers=fv.num_workers), fv.work_gb << 30,
        )
    )  # fmt: skip


def _password(fv: flags.FlagValues) -> str:
    if fv.password_file:
        try:
            given = Path(os.path.expanduser(fv.password_file)).read_text('utf-8').partition('\n')[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SolferinoError(f'--password_file={fv.password_file} cannot be read: {error}.') from None
    else:
        try:
            given = getpass.getpass(f'A password for the page, as --host={fv.host} lets others reach it: ')
        except EOFError:
            given = ''
    if len(given) < 8:
        why = f'--password_file={fv.password_file}' if fv.password_file else f'--host={fv.host}'
        raise SolferinoError(f'{why} needs a password of 8 characters or more, in the first line of a --password_file.')
    return given


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
