"""Damaged files and odd flags, as many as there is time for: does every command answer with music or with a sentence?

    .venv/bin/python tests/fuzz/fuzz.py [--seconds=600] [--only=midi,abc,...] [--cases=N] [--seed=0]

For each kind of file, and for the flags of each command, valid ones are damaged in many ways, and read by all that
reads such files. A fault is any end but success and a message for the user: another exception, a crash, more than 2
seconds of CPU, more than 1 GB of memory. The same seed makes the same cases. What was at fault is kept in
WORK/faults; --first=NUMBER --cases=1 tries a case again.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import logging
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import command_flags
import file_kinds
import small_files
from cases import Case, Subject

from solferino.hparams.errors import SolferinoError

ROOT = Path(__file__).parent.parent.parent
SECONDS, GIGABYTE = 2.0, 2**30
ASKED_SECONDS = 20.0  # where flags may ask for a lot, or music may be of hours
_HANGS_S = 300  # on the wall: the machine may be busy
_BATCH = 300  # cases of a process
_ACCEPTED, _REFUSED = 'accepted', 'refused'


@dataclasses.dataclass
class Tally:
    """What came of the cases of a subject; `faults` are (number, title, what), and seconds those of the slowest."""

    accepted: int = 0
    refused: int = 0
    faults: list[tuple[int, str, str]] = dataclasses.field(default_factory=list)
    slowest: float = 0.0
    megabytes: float = 0.0

    @property
    def cases(self) -> int:
        """All of them."""
        return self.accepted + self.refused + len(self.faults)


def main() -> None:
    """Tries, prints the table, and exits with 1 if there was a fault."""
    args = _arguments()
    shared = ROOT.parent / 'shared'
    made = small_files.make(args.work / 'files', args.configs)
    chosen = [s for s in subjects(made, shared) if not args.only or any(part in s.name for part in args.only)]
    end, tallies = time.monotonic() + args.seconds, {}
    for place, subject in enumerate(chosen):
        share = (end - time.monotonic()) / (len(chosen) - place)
        tally = try_subject(subject, args.seed, args.cases, share, args.work, args.first, args.patience)
        tallies[subject.name] = tally
        print(row(subject.name, tally), flush=True)
    print(table(tallies))
    sys.exit(any(tally.faults for tally in tallies.values()))


def subjects(made: small_files.SmallFiles, shared: Path) -> list[Subject]:
    """All that can be tried with these files, and with those of `shared` if it is there."""
    kinds = file_kinds.all_kinds(made, shared if (shared / 'field').is_dir() else None)
    return [*(kind for kind in kinds if kind.seeds), *command_flags.all_commands(made)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=float, default=600, help='of all subjects together')
    parser.add_argument('--cases', type=int, default=10**9, help='of each subject at most')
    parser.add_argument('--only', type=lambda text: text.split(','), help='parts of names of subjects')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--configs', type=lambda text: text.split(','), default=tuple(small_files.CONFIGS))
    parser.add_argument('--patience', type=float, default=1, help='how many times as long a case may take')
    parser.add_argument('--work', type=Path, default=ROOT / 'build/fuzz')
    return parser.parse_args()


def try_subject(
    subject: Subject, seed: int, cases: int, seconds: float, work: Path, first: int = 0, patience: float = 1
) -> Tally:
    """Tries whole files, which must be accepted and then so many cases, or as many as there is time for.

    Each batch is a fork of this process, which must have no threads yet: those of TensorFlow hold locks.
    """
    tally = Tally()
    end = time.monotonic() + seconds
    number = first
    while number < first + cases and time.monotonic() < end:
        for answer in _batch(subject, seed, range(number, min(number + _BATCH, first + cases)), end, patience):
            _add(tally, answer, subject, seed, work)
            number = answer['number'] + 1
    return tally


def _add(tally: Tally, answer: dict[str, Any], subject: Subject, seed: int, work: Path) -> None:
    tally.slowest = max(tally.slowest, answer['seconds'])
    tally.megabytes = max(tally.megabytes, answer['megabytes'])
    if answer['end'] == _ACCEPTED:
        tally.accepted += 1
    elif answer['end'] == _REFUSED:
        tally.refused += 1
    else:
        tally.faults.append((answer['number'], answer['title'], answer['end']))
        _keep(answer, subject, seed, work)


def _keep(answer: dict[str, Any], subject: Subject, seed: int, work: Path) -> None:
    """Keeps the files of a fault, and what was said."""
    folder = work / 'faults' / f'{subject.name}-{answer["number"]}'.replace('/', '_').replace(' ', '_')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with contextlib.suppress(Exception):
        subject.case(_rng(seed, subject, answer['number']), folder)
    (folder / 'fault.txt').write_text(f'{answer["title"]}\n\n{answer["end"]}\n', errors='backslashreplace')


def _batch(subject: Subject, seed: int, numbers: range, end: float, patience: float) -> Iterator[dict[str, Any]]:
    """Yields what came of each case, tried in a process of its own; of one that ends the process too."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            _serve(subject, seed, numbers, end, patience, writer)
        finally:
            os._exit(0)
    os.close(writer)
    began: dict[str, Any] | None = None
    with open(reader, 'rb', buffering=0) as pipe:
        rest = b''
        while True:
            ready = select.select([pipe], [], [], _HANGS_S)[0]
            chunk = pipe.read(1 << 16) if ready else b''
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b'\n')
            for answer in map(json.loads, lines):
                if answer['end']:
                    began = None
                    yield answer
                else:
                    began = answer
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if began:
        yield began | {'end': f'ended the process ({code})' if ready else f'not done after {_HANGS_S} s'}


def _serve(subject: Subject, seed: int, numbers: range, end: float, patience: float, pipe: int) -> None:
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(
        prefix='fuzz-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None
    ) as temporary:
        place = Path(temporary)
        said = open(place / 'said', 'w+b')  # noqa: SIM115 - until this process ends
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        # What stood for them before, such as pytest's, does not write there.
        sys.stdout, sys.stderr = open(1, 'w', closefd=False), open(2, 'w', closefd=False)  # noqa: SIM115
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        logging.raiseExceptions = True
        whole = subject.whole()
        for number in range(-whole, 0):  # loads what is needed, and must go well
            answer = _try(subject, None, number + whole, place, said)
            if answer['end'] != _ACCEPTED and not (
                answer['end'] == _REFUSED and answer['title'].startswith(file_kinds.CHOOSY)
            ):
                _tell(pipe, answer | {'number': max(numbers), 'end': f'without damage: {answer["end"]}'})
                return
        _limit_memory()
        for number in numbers:
            if time.monotonic() > end:
                break
            _tell(pipe, _try(subject, _rng(seed, subject, number), number, place, said, pipe, patience))


def _tell(pipe: int, answer: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(answer).encode() + b'\n')


def _rng(seed: int, subject: Subject, number: int) -> Random:
    return Random(f'{seed}/{subject.name}/{number}')


def _try(
    subject: Subject,
    rng: Random | None,
    number: int,
    place: Path,
    said: Any,
    pipe: int | None = None,
    patience: float = 1,
) -> dict[str, Any]:
    folder = place / 'case'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    said.truncate(0)
    said.seek(0)
    case = subject.case(rng, folder) if rng else subject.case(None, folder, number)
    if pipe:
        _tell(pipe, {'number': number, 'title': case.title, 'end': '', 'seconds': 0.0, 'megabytes': 0.0})
    before, memory = time.process_time(), _peak()
    try:
        case.call()
        ended = _ACCEPTED
    except SolferinoError as error:
        ended = _REFUSED if str(error) else 'an empty message'
    except BaseException as error:
        ended = _told(error)
    seconds = time.process_time() - before
    sys.stdout.flush()
    sys.stderr.flush()
    if ended in (_ACCEPTED, _REFUSED):
        words = (place / 'said').read_bytes()
        if b'Traceback' in words or b'Warning:' in words:
            ended = 'prints ' + words.decode(errors='replace')[-2000:]
        elif rng and seconds > patience * _allowed(subject, case):
            ended = f'takes {seconds:.1f} s'
    megabytes = max(0.0, _peak() - memory) / 1e6
    return {
        'number': number,
        'title': case.title,
        'end': ended,
        'seconds': seconds if rng else 0.0,
        'megabytes': megabytes,
    }


def _allowed(subject: Subject, case: Case) -> float:
    is_file = isinstance(subject, file_kinds.Files) and not case.title.startswith(file_kinds.LONG)
    return SECONDS if is_file else ASKED_SECONDS


def _told(error: BaseException) -> str:
    lines = traceback.format_exception(error)
    return ''.join(lines)[-6000:]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def _limit_memory() -> None:
    with open('/proc/self/statm') as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + GIGABYTE, resource.RLIM_INFINITY))


def row(name: str, tally: Tally) -> str:
    """A subject as a row of Markdown."""
    counts = f'{tally.cases:,} | {tally.accepted:,} | {tally.refused:,} | {len(tally.faults):,}'
    return f'| {name} | {counts} | {tally.slowest:.1f} | {tally.megabytes:.0f} |'


def table(tallies: dict[str, Tally]) -> str:
    """All subjects as a table, and the faults by kind below it."""
    total = Tally(
        sum(t.accepted for t in tallies.values()), sum(t.refused for t in tallies.values()),
        [fault for t in tallies.values() for fault in t.faults], max((t.slowest for t in tallies.values()), default=0),
        max((t.megabytes for t in tallies.values()), default=0),
    )  # fmt: skip
    header = '| what | cases | accepted | refused | faults | slowest, s | most memory, MB |\n' + '|---' * 7 + '|'
    lines = [header, *(row(name, tally) for name, tally in tallies.items()), row('all', total)]
    for name, tally in tallies.items():
        kinds = collections.Counter(_kind(what) for _, _, what in tally.faults)
        examples = {_kind(what): (number, title) for number, title, what in reversed(tally.faults)}
        for kind, times in kinds.most_common():
            number, title = examples[kind]
            lines.append(f'\n{name}: {times} times, first in case {number} ({title[:200]}):\n    {kind}')
    return '\n'.join(lines)


def _kind(what: str) -> str:
    """Faults of one kind end alike: the exception, and the last line of ours."""
    lines = what.strip().splitlines()
    if len(lines) < 2:
        return what[:100]
    places = [line.strip() for line in lines if line.strip().startswith('File "') and '/tests/' not in line]
    return f'{lines[-1][:120]} at {places[-1] if places else "?"}'


if __name__ == '__main__':
    main()
