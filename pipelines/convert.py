"""From a folder of music files to NoteSequences in TFRecord files."""

import contextlib
import dataclasses
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, provenance, records, schemas
from solferino.models.music.listening import transcription
from solferino.models.music.pieces import piece
from solferino.pipelines import parsing, report, writing
from solferino.pipelines.engine import work
from solferino.pipelines.engine.work import Results
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Parser, Request
from solferino.pipelines.reading import Source
from solferino.pipelines.report import Tally
from solferino.pipelines.staging import Staging

# Why a file is not even opened.
UNKNOWN_KIND = 'unknown kind of file'
NOT_SEARCHED = 'subfolder not searched'
LOOP = 'link to a folder around it'

REMEDIES = parsing.REMEDIES | {
    UNKNOWN_KIND: (
        f'files that are read end in {" ".join(parsing.KINDS)}, and with --audio in {" ".join(parsing.AUDIO_KINDS)}'
    ),
    NOT_SEARCHED: '--recursive searches subfolders too',
    LOOP: 'its files are converted where they are',
}

# Counters beside the reasons.
_FILES, _SEQUENCES, _SILENT, _NOTES, _MILLISECONDS = 'files', 'sequences', 'without notes', 'notes', 'milliseconds'
_IN_DOUBT = 'odd MIDI files read by note-seq'
_OTHERWISE = 'files read otherwise than by Magenta'
# Prefix of the counters of readers' remarks.
_NOTICED = 'noticed: '
_TRIED, _SHOWN = 20, 10  # files, if none could be converted
# Where the pipeline's records go.
_MUSIC, _LEFT_OUT, _REMARKS, _SILENCES, _INPUTS = 'music', 'left out', 'remarks', 'silences', 'inputs'


@dataclasses.dataclass(frozen=True)
class Job:
    """What to convert.

    Attributes:
      input_dir: a folder; its last name is the collection of the NoteSequences.
      output_file: a TFRecord file, or 'name@8.tfrecord' for shards. One that exists is replaced when all is done.
      recursive: whether to search subfolders.
      limits: what one file may take.
      magenta_reading: whether to read files bug for bug as Magenta does, and not as they sound.
      num_workers: processes that read files.
      beam_args: Beam's own flags.
      audio: whether to read recordings too, which takes the extra [audio].
    """

    input_dir: str
    output_file: str
    recursive: bool = False
    limits: Limits = dataclasses.field(default_factory=Limits)
    num_workers: int = 1
    beam_args: tuple[str, ...] = ()
    magenta_reading: bool = False
    audio: bool = False

    @property
    def kinds(self) -> Mapping[str, str]:
        """The endings of the files that are opened."""
        kinds = parsing.MAGENTA_KINDS if self.magenta_reading else parsing.KINDS
        return kinds | parsing.AUDIO_KINDS if self.audio else kinds


def convert(job: Job) -> str:
    """Converts a folder; returns a table of what was done. Raises SolferinoError if there is nothing to convert."""
    root = os.path.abspath(os.path.expanduser(job.input_dir))
    output = os.path.abspath(os.path.expanduser(job.output_file))
    manifest = manifest_path(output)
    _check_folder(root)
    if job.audio:
        transcription.require()
    with Staging(output) as staging:
        outputs = records.shard_paths(output)
        files.require_apart([*outputs, manifest], _inputs(job, root))
        for path in outputs:
            staging.output(path, _NOTES_KIND)
        described = staging.output(manifest, _MANIFEST_KIND)
        done = _run(job, root, staging)
        tallies, table = done.tallies, _table(done.tallies)
        if not _totals(tallies)[_FILES]:
            details = _details(writing.merge(staging, done.runs.get(_LEFT_OUT, [])))
            raise SolferinoError(
                f'No file of {root} could be converted, so nothing is written.{_hint(root, job)}\n{table}{details}'
            )
        writing.assemble(staging, done.runs[_MUSIC], output)
        lists = {
            'remarks': writing.merge(staging, done.runs.get(_REMARKS, [])),
            'without_notes': writing.merge(staging, done.runs.get(_SILENCES, [])),
            'left_out': writing.merge(staging, done.runs.get(_LEFT_OUT, [])),
            provenance.INPUTS: writing.merge(staging, done.runs.get(_INPUTS, [])),
        }
        made_by = provenance.of(manifest, outputs={path: staging.output(path) for path in outputs})
        _write_manifest(described, job, tallies, made_by, lists)
        staging.commit()
    if _left_out(tallies):
        listed = 'What was left out is listed in'
    else:
        listed = 'What was noticed is listed in' if _noticed(tallies) or _silences(tallies) else 'The counts are in'
    return f'{table}\nWritten: {job.output_file}\n{listed} {manifest}'


def manifest_path(output: str) -> str:
    """'music@8.tfrecord' -> 'music.manifest.json'"""
    return records.stem(output) + '.manifest.json'


def find(
    root: str, recursive: bool, ignore: str = '', kinds: Mapping[str, str] = parsing.KINDS
) -> Iterator[tuple[bytes, str]]:
    """Yields the path of each file below `root`, relative to it, and why it is not opened, or ''.

    Paths are bytes, as file names are. Links are followed. `ignore` is the name of a folder to skip, `kinds` are the
    endings of files to open.
    """
    top = os.stat(root)
    pending = [(b'', frozenset([(top.st_dev, top.st_ino)]))]
    while pending:
        folder, around = pending.pop()
        try:
            entries = os.scandir(os.path.join(os.fsencode(root), folder))
        except OSError:
            yield os.path.join(folder, b''), parsing.CANNOT_BE_READ
            continue
        with entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                identity = _folder_identity(entry)
                if identity is None:
                    yield name, '' if parsing.ending(name) in kinds else UNKNOWN_KIND
                elif entry.name == os.fsencode(ignore):
                    continue
                elif not recursive:
                    yield name, NOT_SEARCHED
                elif identity in around:
                    yield name, LOOP
                else:
                    pending.append((name, around | {identity}))


def _folder_identity(entry: os.DirEntry[bytes]) -> tuple[int, int] | None:
    """Returns the device and inode of a folder, the same for all its names; None for other files."""
    with contextlib.suppress(OSError):  # a link that leads nowhere, or to itself
        if entry.is_dir():
            status = entry.stat()
            return status.st_dev, status.st_ino
    return None


def _inputs(job: Job, root: str) -> Iterator[bytes]:
    """The files that will be read."""
    found = find(root, job.recursive, kinds=job.kinds)
    return (os.path.join(os.fsencode(root), name) for name, reason in found if not reason)


def _is_note_sequence(data: bytes) -> bool:
    try:
        return bool(piece.read(data).id)
    except ValueError:
        return False


_NOTES_KIND = records.kind('a TFRecord file of NoteSequences', _is_note_sequence)
_MANIFEST_KIND = files.json_about('a manifest of converted music', 'input_dir')


def _check_folder(root: str) -> None:
    if not os.path.isdir(root):
        problem = 'is a file, not a folder' if os.path.exists(root) else 'does not exist'
        raise SolferinoError(f'--input_dir: {root} {problem}. Name a folder with music files.')
    if not os.access(root, os.R_OK | os.X_OK):
        raise SolferinoError(f'--input_dir: {root} cannot be read. Check its permissions.')


def _run(job: Job, root: str, staging: Staging) -> work.Done:
    """Reads the files."""
    listing = staging.path('files.tfrecord')
    with records.Writer(listing) as writer:
        for name, reason in find(root, job.recursive, os.path.basename(staging.folder), job.kinds):
            writer.write(name + b'\0' + reason.encode())
    place = os.path.relpath(root, os.path.dirname(os.path.abspath(os.path.expanduser(job.output_file))))
    task = _ReadFiles(os.fsencode(root), place, job.limits, job.magenta_reading)
    return work.run(task, Source(listing), staging, 'files', job.beam_args, job.num_workers)


class _ReadFiles:
    """The task: reads files of the listing. `place` is what the manifest calls their folder, `root`."""

    def __init__(self, root: bytes, place: str, limits: Limits, magenta_reading: bool):
        self._root, self._place, self._limits, self._magenta_reading = root, place, limits, magenta_reading
        self._collection = parsing.text(os.path.basename(root))

    def setup(self) -> None:
        """See work.Task."""
        self._resources = contextlib.ExitStack()
        self._parser = self._resources.enter_context(Parser(self._limits, self._magenta_reading))

    def teardown(self) -> None:
        """See work.Task."""
        self._resources.close()

    def process(self, payloads: Iterator[bytes], results: Results) -> None:
        """See work.Task."""
        listed = [payload.split(b'\0') for payload in payloads]
        for name, reason in listed:
            if reason:
                _take(name, [LeftOut(parsing.text(name), reason.decode(), '')], results)
        names = [name for name, reason in listed if not reason]
        requests = [Request(os.path.join(self._root, name), name, self._collection) for name in names]
        for name, answers in zip(names, self._parser.parse_all(requests), strict=True):
            _take(name, answers, results)
            self._digest(name, results)

    def _digest(self, name: bytes, results: Results) -> None:
        """Writes what identifies a file that was read; not of one whose name is no text, which JSON cannot tell."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            file = os.path.join(self._place, name.decode())
            found = provenance.entry(file, os.path.join(self._root, name))
            results.write(_INPUTS, file, json.dumps(found, ensure_ascii=False).encode())


def _take(name: bytes, answers: list[Converted | LeftOut], results: Results) -> None:
    """Writes and counts the answers for a file."""
    file = parsing.text(name)
    music = [answer for answer in answers if isinstance(answer, Converted)]
    results.count(_FILES, int(bool(music)))
    if any(answer.differs for answer in music):
        results.count(_OTHERWISE, 1, file)
    for answer in answers:
        if isinstance(answer, LeftOut):
            results.write(_LEFT_OUT, answer.file, json.dumps(answer._asdict(), ensure_ascii=False).encode())
            results.count(answer.reason, 1, file)
            continue
        results.write(_MUSIC, answer.id, answer.data)
        results.count(_SEQUENCES, 1)
        results.count(_NOTES, answer.notes)
        results.count(_MILLISECONDS, answer.milliseconds)
        if not answer.notes:
            results.count(_SILENT, 1, file)
            results.count(answer.silence, 1, file)
            silence = {'file': file, 'reason': answer.silence, 'remedy': parsing.SILENCE[answer.silence]}
            results.write(_SILENCES, file, json.dumps(silence).encode())
        if answer.doubt:
            results.count(_IN_DOUBT, 1, file)
        for remark in answer.remarks:
            results.count(_NOTICED + remark.what, remark.times, file)
        if answer.remarks:
            noticed = {remark.what: remark.times for remark in answer.remarks}
            line = {'file': file, 'magenta_reads_otherwise': answer.differs, 'remarks': noticed}
            results.write(_REMARKS, file, json.dumps(line, ensure_ascii=False).encode())
    results.step()


def _totals(tallies: Mapping[str, Tally]) -> dict[str, int | float]:
    """The numbers of the table and the manifest."""
    names = [
        name
        for name in (_FILES, _OTHERWISE, _IN_DOUBT, _SEQUENCES, _SILENT, _NOTES)
        if name in tallies or name in (_FILES, _SEQUENCES, _NOTES)
    ]
    totals: dict[str, int | float] = {name: tallies.get(name, Tally()).count for name in names}
    return totals | {'minutes': tallies.get(_MILLISECONDS, Tally()).count / 60_000}


def _left_out(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    return {reason: tally for reason, tally in tallies.items() if reason in REMEDIES}


def _silences(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    return {reason: tally for reason, tally in tallies.items() if reason in parsing.SILENCE}


def _noticed(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    """What the readers noticed."""
    return {name.removeprefix(_NOTICED): tally for name, tally in tallies.items() if name.startswith(_NOTICED)}


def _table(tallies: Mapping[str, Tally]) -> str:
    files, *others = _totals(tallies).items()
    done = {'files converted': files[1]} | dict(others)
    reasons = _silences(tallies) | _left_out(tallies)
    return report.table(done, reasons, REMEDIES | parsing.SILENCE, _noticed(tallies))


def _details(left_out: Iterator[bytes]) -> str:
    """The parser's errors for the first files, as there is no manifest."""
    said = (_left_out_of(line) for line in left_out)
    shown = [f'\n{one.file}: {one.reason}: {one.detail}' for one in said if one.detail]
    more = len(shown) - _SHOWN
    return ''.join(shown[:_SHOWN]) + (f'\nand {more} more' if more > 0 else '')


def _left_out_of(line: bytes) -> LeftOut:
    """Raises SolferinoError for a line that another program has damaged."""
    try:
        record = schemas.loads(line)
        schemas.require(record, _LeftOutLine)
    except ValueError as error:
        raise SolferinoError(f'What was prepared is damaged: {error}. Give the same command again.') from None
    return LeftOut(**record)


def _hint(root: str, job: Job) -> str:
    """Advice if nothing could be converted: whether the first files in subfolders can."""
    if job.recursive:
        return ''
    below = (name for name, reason in find(root, recursive=True, kinds=job.kinds) if b'/' in name and not reason)
    requests = [Request(os.path.join(os.fsencode(root), name), name, '') for name in itertools.islice(below, _TRIED)]
    with Parser(job.limits, job.magenta_reading) as parser:
        if any(isinstance(answer, Converted) for answers in parser.parse_all(requests) for answer in answers):
            return ' There are music files in its subfolders: add --recursive.'
    return ''


class _LeftOutLine(TypedDict):
    """A line of the manifest's list of what was left out."""

    file: str
    reason: str
    detail: str


class Manifest(provenance.Provenance, total=False):
    """The manifest, without the lists of files."""

    input_dir: str
    output_file: str
    recursive: bool
    limits: dict[str, float]
    magenta_reading: bool
    audio: bool
    converted: dict[str, float] | None
    noticed: dict[str, schemas.Tally] | None
    left_out_by_reason: dict[str, schemas.Tally] | None


def _write_manifest(
    path: str,
    job: Job,
    tallies: Mapping[str, Tally],
    made_by: Mapping[str, Any],
    lists: Mapping[str, Iterator[bytes]],
) -> None:
    """Writes the counts, and lists with each file on a line of its own, as JSON."""
    head = {
        'input_dir': job.input_dir,
        'output_file': job.output_file,
        'recursive': job.recursive,
        'limits': dataclasses.asdict(job.limits),
        'magenta_reading': job.magenta_reading,
        'audio': job.audio,
        'converted': _totals(tallies),
        'noticed': {what: dataclasses.asdict(tally) for what, tally in _noticed(tallies).items()},
        'left_out_by_reason': {reason: dataclasses.asdict(tally) for reason, tally in _left_out(tallies).items()},
        **{name: value for name, value in made_by.items() if name not in lists},
    }
    with files.named(path, path), open(path, 'w', encoding='utf-8', errors='backslashreplace') as file:
        file.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2])
        for name, lines in lists.items():
            file.write(f',\n "{name}": [')
            for separator, line in zip(itertools.chain(['\n  '], itertools.repeat(',\n  ')), lines, strict=False):
                file.write(separator + line.decode())
            file.write('\n ]')
        file.write('\n}\n')
