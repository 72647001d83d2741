"""Whether outputs, and what they were made of, are still what they were: `solferino_inspect --verify`.

Digests stand in the description of an output, see `storage/provenance.py`. What older versions wrote has none.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import bundles, run_dir
from solferino.models.core.storage import checkpoints, provenance, records
from solferino.pipelines import convert

_SHOWN = 10  # names in a line


@dataclasses.dataclass(frozen=True)
class Verified:
    """What is told of a description.

    Attributes:
      path: of the description.
      text: for the user.
      is_good: whether nothing has changed.
    """

    path: str
    text: str
    is_good: bool


def verify(path: str) -> Verified:
    """Checks an output by its description, with its inputs.

    Args:
      path: a description (a manifest, the JSON of a dataset, run.json, a bundle), a run directory, a file of a dataset
        or of NoteSequences, or a checkpoint.

    Raises:
      SolferinoError: there is no such file, none that describes it, or it is damaged.
    """
    path = os.path.expanduser(path)
    described = _description(path)
    record = _record(described)
    if provenance.MADE_BY not in record:
        return Verified(described, f'{described}: made before digests were kept, there is nothing to compare.', True)
    settings.require(record, provenance.Provenance, described)
    folder = os.path.dirname(os.path.abspath(described))
    outputs, inputs = (_compared(folder, record.get(name) or []) for name in (provenance.OUTPUTS, provenance.INPUTS))
    lines = [f'{described}: {_made_by(record[provenance.MADE_BY])}']
    own, damaged = _checksums(path, described)
    lines += own
    strangers = _strangers(path, described, record)
    if strangers:
        lines.append(
            f'  NOT DESCRIBED: {_listed(strangers)}. This says how other files were made; what described '
            f'{"it" if len(strangers) == 1 else "them"} is not here any more.'
        )
    if outputs.count:
        lines.append(f'  written: {outputs.told("as it was written", "as they were written", "not what was written")}')
    if inputs.count and len(inputs.missing) == inputs.count:
        lines.append(f'  read: {words.counted(inputs.count, "files")}, not here: {_listed(inputs.missing)}')
    elif inputs.count:
        lines.append(f'  read: {inputs.told("as it was", "as they were", "changed")}')
    is_good = not (damaged or strangers or outputs.changed or outputs.missing or inputs.changed)
    return Verified(described, '\n'.join(lines), is_good and len(inputs.missing) in (0, inputs.count))


@dataclasses.dataclass
class _Compared:
    count: int = 0
    changed: list[str] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)

    def told(self, one: str, several: str, changed: str) -> str:
        same = self.count - len(self.changed) - len(self.missing)
        parts = [f'{words.counted(same, "files")} {one if same == 1 else several}'] if same else []
        for what, names in ((changed, self.changed), ('missing', self.missing)):
            if names:
                parts.append(f'{what.upper()}: {_listed(names)}')
        return '; '.join(parts)


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ', '.join(names[:_SHOWN]) + (f' and {more:,} more' if more > 0 else '')


def _compared(folder: str, entries: Iterable[Mapping[str, str]]) -> _Compared:
    found = _Compared()
    for entry in entries:
        found.count += 1
        name = entry['file']
        try:
            now = provenance.entry(name, os.path.normpath(os.path.join(folder, name)))  # by names, as it was written
        except OSError:
            found.missing.append(name)
            continue
        if now['sha256'] != entry['sha256']:
            found.changed.append(name)
    return found


def _made_by(maker: Mapping[str, Any]) -> str:
    seed = f', seed {maker["seed"]}' if maker.get('seed') is not None else ''
    return (
        f'made by Solferino {maker.get("version") or "of an unknown version"}{seed}: {maker.get("command", "Python")}'
    )


def _description(path: str) -> str:
    """The file that describes `path`."""
    if os.path.isdir(path):
        inside = sorted(name for name in os.listdir(path) if name.endswith('.json'))
        for name in ['run.json', *inside]:
            if os.path.isfile(os.path.join(path, name)):
                return os.path.join(path, name)
        raise SolferinoError(f'{path} is a folder in which nothing says how it was made. Name a file.')
    described = path
    if path.endswith(checkpoints.SUFFIX):
        described = run_dir.run_path(os.path.dirname(os.path.dirname(path)) or '.')
    if described != path or path.endswith(('.json', '.mag')):
        if not os.path.isfile(described):
            raise SolferinoError(f'There is no {described}, which would say how {path} was made. Check the path.')
        return described
    of_shard = settings.sidecar_path(records.expand(path)[0])
    stem = os.path.splitext(of_shard)[0]
    for described in (convert.manifest_path(path), convert.manifest_path(stem), of_shard):
        if os.path.isfile(described):
            return described
    raise SolferinoError(
        f'Nothing beside {path} says how it was made. What can be verified: NoteSequences and examples with the JSON '
        'beside them, run directories, checkpoints, bundles.'
    )


def _strangers(path: str, described: str, record: Mapping[str, Any]) -> list[str]:
    """The files of `path` that are not among the outputs; none, where it is no output or these are not listed."""
    if provenance.OUTPUTS not in record or os.path.isdir(path) or path.endswith(('.json', '.mag', checkpoints.SUFFIX)):
        return []
    folder = os.path.dirname(os.path.abspath(described))
    known = {os.path.normpath(os.path.join(folder, entry['file'])) for entry in record[provenance.OUTPUTS]}
    return [os.path.relpath(one, folder) for one in map(os.path.abspath, records.expand(path)) if one not in known]


def _record(described: str) -> dict[str, Any]:
    if described.endswith('.mag'):
        return bundles.read(described).settings
    return settings.read_json(described) or {}


def _checksums(path: str, described: str) -> tuple[list[str], bool]:
    """Reads what has a checksum in it; returns what is told of it, and whether one is not of its contents."""
    if described.endswith('.mag'):  # it has been read
        return ['  its weights match their checksum'], False
    whole, damaged = 0, []
    for one in _with_checksum(path, described):
        try:
            checkpoints.load(one)
            whole += 1
        except SolferinoError as error:
            if os.path.exists(one):  # training deletes old ones
                damaged.append(f'  DAMAGED: {error}')
    told = [f'  {words.counted(whole, "checkpoints")} whole, by the checksums in them'] if whole else []
    return [*told, *damaged], bool(damaged)


def _with_checksum(path: str, described: str) -> Iterator[str]:
    if path.endswith(checkpoints.SUFFIX):
        yield path
    elif os.path.basename(described) == 'run.json':
        for kind in (checkpoints.MODEL, checkpoints.BEST):
            yield from checkpoints.paths(os.path.join(os.path.dirname(described), 'train'), kind).values()
