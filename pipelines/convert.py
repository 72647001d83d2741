"""From a folder of music files to NoteSequences in TFRecord files."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, provenance, records, schemas
from solferino.models.music.listening import transcription
from solferino.models.music.pieces import piece
from solferino.pipelines import parsing, report
from solferino.pipelines.engine import filesystems, listing, remote_staging, work
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.task import Results
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Parser, Request
from solferino.pipelines.report import Tally

REMEDIES = parsing.REMEDIES | listing.REMEDIES

# Counters beside the reasons.
_FILES, _SEQUENCES, _SILENT, _NOTES, _MILLISECONDS = 'files', 'sequences', 'without notes', 'notes', 'milliseconds'
_IN_DOUBT = 'odd MIDI files read by note-seq'
_OTHERWISE = 'files read otherwise than by Magenta'
# Prefix of the counters of readers' remarks.
_NOTICED = 'noticed: '
_TRIED, _SHOWN = 20, 10  # files, if none could be converted
_FETCHED_AT_ONCE = 8  # remote files
_HEAD_BYTES = 1 << 16  # of a manifest, in which its output is named
_DESCRIBED = re.compile(rb'^ "output_file": (".*"),$', re.MULTILINE)
_UNREAD = parsing.CANNOT_BE_READ, parsing.TOO_LARGE  # reasons of files of which no byte was read
# Where the pipeline's records go.
_MUSIC, _LEFT_OUT, _REMARKS, _SILENCES, _INPUTS = 'music', 'left out', 'remarks', 'silences', 'inputs'


@dataclasses.dataclass(frozen=True)
class Job:
    """What to convert.

    Attributes:
      input_dir: a folder, here or s3://bucket/midi and the like; its last name is the collection of the NoteSequences.
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
    _require_file_name(job.output_file)
    filesystems.prepare([('input_dir', job.input_dir), ('output_file', job.output_file)], job.beam_args)
    root, output = filesystems.absolute(job.input_dir), filesystems.absolute(job.output_file)
    manifest = manifest_path(output)
    _check_folder(root)
    if job.audio:
        transcription.require()
    with remote_staging.at(output) as staging:
        outputs = records.shard_paths(output)
        _require_apart(job, root, outputs)
        for path in outputs:
            staging.output(path, _NOTES_KIND)
        described = staging.output(manifest, _MANIFEST_KIND)
        _require_own(manifest, outputs)
        describe = functools.partial(_write_manifest, described, job)
        is_remote = isinstance(staging, RemoteStaging)
        shards = dict.fromkeys((_LEFT_OUT, _REMARKS, _SILENCES, _INPUTS), 1) | {_MUSIC: len(outputs)}
        place = '' if is_remote or filesystems.is_remote(root) else os.path.relpath(root, os.path.dirname(manifest))
        task = _ReadFiles(root, place, job.limits, job.magenta_reading)
        ignore = os.path.basename(staging.folder)
        source = listing.Folder(root, job.recursive, ignore, job.kinds, written=[*outputs, manifest])
        # What is on other machines is described there; of its outputs there are no digests.
        there = functools.partial(describe, provenance.of(manifest)) if is_remote else None
        done = work.run(task, source, staging, 'files', job.beam_args, job.num_workers, shards, there)
        tallies, table = done.tallies, _table(done.tallies)
        if not _totals(tallies)[_FILES]:
            raise SolferinoError(
                f'No file of {root} could be converted, so nothing is written.{_hint(root, job)}\n'
                f'{table}{_details(done.read(_LEFT_OUT))}'
            )
        done.assemble(_MUSIC, output)
        if not is_remote:
            made_by = provenance.of(manifest, outputs={path: staging.output(path) for path in outputs})
            describe(made_by, tallies, done.read)
        staging.commit()
    if _left_out(tallies):
        listed = 'What was left out is listed in'
    else:
        listed = 'What was noticed is listed in' if _noticed(tallies) or _silences(tallies) else 'The counts are in'
    return f'{table}\nWritten: {job.output_file}\n{listed} {manifest}'


def _require_file_name(output: str) -> None:
    """Raises SolferinoError for the name of a folder or of a bucket, and as `filesystems.require` does."""
    filesystems.require(output, 'output_file')
    folder = records.stem(output)  # without shards, which --num_shards adds to any name
    if folder.endswith('/') or filesystems.is_bucket(folder):
        what = 'no file in the bucket: give one' if filesystems.is_bucket(folder) else 'a folder: give a file in it'
        raise SolferinoError(f'--output_file={output} names {what}, such as {folder.rstrip("/")}/notes.tfrecord.')


def manifest_path(output: str) -> str:
    """'music@8.tfrecord' -> 'music.manifest.json'"""
    return records.stem(output) + listing.MANIFEST_ENDING


def _require_apart(job: Job, root: str, outputs: list[str]) -> None:
    """Raises SolferinoError if an output is one of the files that will be read."""
    if filesystems.is_remote(root):  # no file there has two names
        for path in outputs:
            if path.startswith(f'{root}/') and parsing.ending(os.fsencode(path)) in job.kinds:
                raise SolferinoError(f'{path} would be read here as music. Name another file to write.')
        return
    found = listing.find(root, job.recursive, kinds=job.kinds)
    files.require_apart(outputs, (os.path.join(os.fsencode(root), name) for name, reason in found if not reason))


def _require_own(manifest: str, outputs: list[str]) -> None:
    """Raises SolferinoError if the manifest in the way describes other files, and these are still there."""
    name = _described(manifest)
    if not name:
        return
    paths = records.shard_paths(filesystems.join(os.path.dirname(manifest), name))
    there = [path for path in paths if path not in outputs and filesystems.size(path) is not None]
    if there:
        raise SolferinoError(
            f'{manifest} describes {name}, which is still there ({there[0]}), and would be replaced. Name another '
            f'file to write, or remove {name} first.'
        )


def _described(manifest: str) -> str:
    """The name of the output beside a manifest, '' if it does not tell; the path in it may be of another folder."""
    if filesystems.size(manifest):
        with filesystems.open(manifest) as file, contextlib.suppress(ValueError):
            found = _DESCRIBED.search(file.read(_HEAD_BYTES))
            return os.path.basename(json.loads(found[1]).rstrip('/')) if found else ''
    return ''


def _is_note_sequence(data: bytes) -> bool:
    try:
        return bool(piece.read(data).id)
    except ValueError:
        return False


_NOTES_KIND = records.kind('a TFRecord file of NoteSequences', _is_note_sequence)
_MANIFEST_KIND = files.json_about('a manifest of converted music', 'input_dir')


def _check_folder(root: str) -> None:
    if filesystems.is_remote(root):
        if next(filesystems.below(root), None) is None:
            raise SolferinoError(f'--input_dir: there is no file below {root}. Name a folder with music files.')
        return
    if not os.path.isdir(root):
        problem = 'is a file, not a folder' if os.path.exists(root) else 'does not exist'
        raise SolferinoError(f'--input_dir: {root} {problem}. Name a folder with music files.')
    if not os.access(root, os.R_OK | os.X_OK):
        raise SolferinoError(f'--input_dir: {root} cannot be read. Check its permissions.')


class _ReadFiles:
    """The task: reads files of the listing. `place` is what the manifest calls their folder; '' tells no digests."""

    def __init__(self, root: str, place: str, limits: Limits, magenta_reading: bool):
        self._root, self._place, self._limits, self._magenta_reading = root, place, limits, magenta_reading
        self._collection = parsing.text(os.fsencode(os.path.basename(root)))
        self._is_remote = filesystems.is_remote(root)

    def setup(self) -> None:
        """See work.Task."""
        self._resources = contextlib.ExitStack()
        if self._is_remote:
            self._pool = self._resources.enter_context(ThreadPoolExecutor(_FETCHED_AT_ONCE))
        else:
            filesystems.require_seen(self._root)
        self._parser = self._resources.enter_context(Parser(self._limits, self._magenta_reading))

    def teardown(self) -> None:
        """See work.Task."""
        self._resources.close()

    def process(self, payloads: Iterator[bytes], results: Results) -> None:
        """See work.Task."""
        requests = []
        for name, reason, size in map(listing.parse, payloads):
            refusal = (reason, '') if reason else self._refusal(size)
            if refusal:
                _take(name, [LeftOut(parsing.text(name), *refusal)], results)
            else:
                requests.append(_request(self._root, name, self._collection))
        if self._is_remote:
            requests = list(self._fetched(requests, results))
        for request, answers in zip(requests, self._parser.parse_all(requests), strict=True):
            _take(request.name, answers, results)
            if self._place and not any(isinstance(one, LeftOut) and one.reason in _UNREAD for one in answers):
                self._digest(request.name, results)

    def _digest(self, name: bytes, results: Results) -> None:
        """Writes what identifies a file that was read; not of one whose path is no text, which JSON cannot tell."""
        with contextlib.suppress(OSError, UnicodeError):
            file = os.path.normpath(os.path.join(self._place, name.decode()))
            found = provenance.entry(file, os.path.join(os.fsencode(self._root), name))
            results.write(_INPUTS, file, json.dumps(found, ensure_ascii=False).encode())

    def _refusal(self, size: int) -> tuple[str, str] | None:
        """Why a remote file is not even fetched; others are looked at where they are read."""
        return parsing.refusal(size, self._limits) if self._is_remote else None

    def _fetched(self, requests: list[Request], results: Results) -> Iterator[Request]:
        """Yields the requests with the files' bytes, fetched several at a time."""
        for request, fetched in zip(requests, self._pool.map(_fetch, requests), strict=True):
            if isinstance(fetched, LeftOut):
                _take(request.name, [fetched], results)
            else:
                yield fetched


def _request(root: str, name: bytes, collection: str) -> Request:
    return Request(os.path.join(os.fsencode(root), name), name, collection)


def _fetch(request: Request) -> Request | LeftOut:
    """Returns the request for a remote file with its bytes. Raises SolferinoError where no file can be read."""
    try:
        return request._replace(content=filesystems.read(os.fsdecode(request.path)))
    except FileNotFoundError:
        detail = 'it is not there any more'
    except filesystems.Refused as refused:
        detail = refused.said
    return LeftOut(parsing.text(request.name), parsing.CANNOT_BE_READ, detail)


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
    is_remote = filesystems.is_remote(root)
    found = (listing.find_remote if is_remote else listing.find)(root, recursive=True, kinds=job.kinds)
    below = (_request(root, name, '') for name, reason, *_ in found if b'/' in name and not reason)
    requests = list(itertools.islice(below, _TRIED))
    if is_remote:
        requests = [fetched for fetched in map(_fetch, requests) if isinstance(fetched, Request)]
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


_LISTS = {'remarks': _REMARKS, 'without_notes': _SILENCES, 'left_out': _LEFT_OUT, provenance.INPUTS: _INPUTS}


def _write_manifest(
    path: str,
    job: Job,
    made_by: Mapping[str, Any],
    tallies: Mapping[str, Tally],
    read: Callable[[str], Iterator[bytes]],
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
        **{name: value for name, value in made_by.items() if name not in _LISTS},
    }
    with files.named(path, path), filesystems.create(path) as file:
        file.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2].encode(errors='backslashreplace'))
        for name, destination in _LISTS.items():
            file.write(f',\n "{name}": ['.encode())
            separators = itertools.chain([b'\n  '], itertools.repeat(b',\n  '))
            for separator, line in zip(separators, read(destination), strict=False):
                file.write(separator + line)
            file.write(b'\n ]')
        file.write(b'\n}\n')
