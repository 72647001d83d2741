"""Music that was dropped on the page: collections, each a folder in the work folder.

A collection's folder holds `collection.json`; `music/` with the files, under the names that they had; `zips/` with
those that are to be unpacked; what commands made of them (`notes.tfrecord`, its manifest, `material.json`); and the
files of the commands, see `children`.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines import convert, parsing
from solferino.pipelines.studio import wording
from solferino.pipelines.studio.computing.job_queue import Busy
from solferino.pipelines.studio.learn import children, material, unpacking
from solferino.pipelines.studio.learn.children import Children, State
from solferino.pipelines.studio.learn.lessons import Options

MEMORY_MEGABYTES = 4096  # for reading
MOST = 200  # collections
AT_ONCE = 3  # that are read; each may take MEMORY_MEGABYTES
_LISTED = 200  # files that are left out
_NONE = re.compile(r'\s*0(\.0)?\s')  # a row of a table that counts nothing
_ABOUT, _NOTES, _MATERIAL, _OPTIONS, _UNPACKED = (
    'collection.json', 'notes.tfrecord', 'material.json', 'options.json', 'unpacked.json',
)  # fmt: skip
_MUSIC, _ZIPS, _ARRIVING = 'music', 'zips', 'arriving'
_GONE = 'This collection is not there any more.'


class About(msgspec.Struct):
    """What is kept of a collection.

    Attributes:
      files, bytes: what has arrived, zips included.
      changed: whether files arrived since it was read.
      options: of extracting, by family.
    """

    name: str
    made: float
    files: int = 0
    bytes: int = 0
    changed: bool = True
    options: dict[str, Options] = {}


@dataclasses.dataclass(frozen=True)
class Collection:
    """A collection."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def children(self) -> Children:
        """What reads it."""
        return Children(self.folder)

    @property
    def notes(self) -> Path:
        """Its music, once it was read."""
        return self.folder / _NOTES

    def about(self) -> About:
        """What is kept of it. Raises SolferinoError if it is not there."""
        try:
            return msgspec.json.decode((self.folder / _ABOUT).read_bytes(), type=About)
        except (OSError, msgspec.DecodeError):
            raise SolferinoError(_GONE) from None

    def _keep(self, about: About) -> None:
        atomic_write(str(self.folder / _ABOUT), msgspec.json.encode(about))

    async def add(self, name: str, parts: AsyncIterator[bytes]) -> About:
        """Takes a file: music, or a zip of it. One that breaks off leaves nothing.

        Raises:
          SolferinoError: a name that leads elsewhere, a file that is no music, too many or too large ones, a full disk.
        """
        place = unpacking.safe_name(name)
        if place is None:
            raise SolferinoError(f'{name[:100]!r} is no name of a file in a folder.')
        is_zip = place.suffix.lower() == '.zip'
        if not is_zip and not unpacking.may_be_music(place):
            raise SolferinoError(
                f'{place.name} is no music that is read: {", ".join(parsing.KINDS)}, or a zip of them.'
            )
        self._require_idle()
        limits = unpacking.Limits()
        about = self.about()
        if about.files >= limits.files:
            raise SolferinoError(f'A collection has up to {limits.files:,} files.')
        target = self.folder / (_ZIPS if is_zip else _MUSIC) / place
        most = limits.megabytes << 20 if is_zip else limits.file_megabytes << 20
        try:
            most = min(most, (limits.megabytes << 20) - about.bytes)
            size, before = await _receive(parts, self.folder / _ARRIVING, target, most)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise SolferinoError(f'{name[:100]}: a folder and a file have the same name.') from None
        except OSError as error:
            if error.errno is None:  # the sender broke off
                raise
            raise SolferinoError(system_errors.sentence(error) or f'It cannot be written: {error.strerror}.') from None
        # Read again: others may have arrived meanwhile.
        about = self.about()
        about.files, about.bytes, about.changed = (
            about.files + (before is None),
            about.bytes + size - (before or 0),
            True,
        )
        self._keep(about)
        return about

    def read(self, options: Mapping[str, Options]) -> None:
        """Begins to read what has arrived, or to look again at what was read. Raises SolferinoError."""
        self._require_idle()
        about = self.about()
        if not about.files:
            raise SolferinoError('There is no music in this collection. Drop some.')
        material.require_options(options)
        about.options = dict(options)
        path = {name: str(self.folder / name) for name in (_NOTES, _MATERIAL, _OPTIONS, _UNPACKED, _MUSIC, _ZIPS)}
        (self.folder / _MUSIC).mkdir(exist_ok=True)
        atomic_write(path[_OPTIONS], json.dumps(about.options))
        commands = [['solferino.pipelines.studio.learn.material', path[_NOTES], path[_OPTIONS], path[_MATERIAL]]]
        if about.changed or self.children.state().state != children.DONE:
            commands.insert(
                0,
                [
                    'solferino.bin.convert_dir_to_note_sequences', f'--input_dir={path[_MUSIC]}', '--recursive',
                    f'--output_file={path[_NOTES]}',
                ],
            )  # fmt: skip
        if (self.folder / _ZIPS).is_dir():
            commands.insert(
                0, ['solferino.pipelines.studio.learn.unpacking', path[_ZIPS], path[_MUSIC], path[_UNPACKED]]
            )  # fmt: skip
        (self.folder / _MATERIAL).unlink(missing_ok=True)
        about.changed = False
        self._keep(about)
        self.children.start(commands, MEMORY_MEGABYTES)

    def told(self) -> dict[str, Any]:
        """What the page is told of it: how far reading is, what was read, and what can be learned from it."""
        about, state = self.about(), self.children.state()
        told = {
            'id': self.id, 'name': about.name, 'made': about.made, 'files': about.files, 'bytes': about.bytes,
            'state': state.state, 'options': about.options,
        }  # fmt: skip
        if state.state == children.DONE:
            return told | self._found()
        return told | {'error': self._error(state)} if state.has_ended else told

    def pieces(self, family: str, config: str) -> int:
        """How many pieces of its music a config can learn from."""
        found = _json(self.folder / _MATERIAL) or []
        return sum(one['pieces'] for one in found if (one['family'], one['config']) == (family, config))

    def _error(self, state: State) -> str:
        left_out = self._unpacked()
        said = self.children.error(state) or 'It was stopped.'
        if said.startswith('No file of '):  # the command's message, which names folders of ours, and a table
            rows = [row.strip() for row in said.splitlines()[1:] if not _NONE.match(row)]
            said = '\n'.join(['There is no music in it that can be read.', *rows])
        first = [f'{name}: {reason}, {unpacking.REMEDIES.get(reason, "")}' for name, reason in left_out.items()][:3]
        return '\n'.join([said, *(line.rstrip(', ') for line in first)])

    def _found(self) -> dict[str, Any]:
        manifest = _json(Path(convert.manifest_path(str(self.notes))))
        unpacked = self._unpacked()
        left_out = [
            {'file': name, 'reason': reason, 'remedy': unpacking.REMEDIES.get(reason, '')}
            for name, reason in unpacked.items()
        ] + [
            {
                'file': one['file'],
                'reason': one['reason'],
                'remedy': wording.for_the_page(convert.REMEDIES[one['reason']]),
            }
            for one in manifest.get('left_out', [])
            if one['reason'] in convert.REMEDIES
        ]
        return {
            'converted': manifest.get('converted', {}),
            'noticed': {what: tally['count'] for what, tally in (manifest.get('noticed') or {}).items()},
            'without_notes': manifest.get('without_notes', [])[:_LISTED],
            'left_out': left_out[:_LISTED],
            'left_out_count': len(left_out),
            'choices': _json(self.folder / _MATERIAL),
        }

    def _unpacked(self) -> dict[str, str]:
        return dict(_json(self.folder / _UNPACKED))

    def _require_idle(self) -> None:
        if self.children.state().state == children.RUNNING:
            raise SolferinoError('This collection is being read. Wait until it was, or drop the music as a new one.')


class Collections:
    """All collections of the work folder."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        remove_discarded(folder)

    def all(self) -> list[Collection]:
        """The newest first."""
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(SolferinoError):
                collection = self.get(path.name)
                found.append((collection.about().made, collection))
        return [collection for _, collection in sorted(found, key=lambda pair: -pair[0])]

    def get(self, id: str) -> Collection:
        """Raises SolferinoError if there is none."""
        collection = Collection(self._folder / _plain(id))
        collection.about()
        return collection

    def new(self, name: str) -> Collection:
        """Makes an empty one; a name that another has gets a number. Raises SolferinoError if there are too many."""
        names = {collection.about().name for collection in self.all()}
        if len(self.all()) >= MOST:
            raise SolferinoError(f'There are {MOST} collections. Discard one first.')
        numbered = (f'{name} {number}' for number in itertools.count(2))
        name = next(one for one in itertools.chain([name], numbered) if one not in names)
        collection = Collection(self._folder / secrets.token_hex(6))
        collection.folder.mkdir()
        collection._keep(About(name, time.time()))
        return collection

    def require_turn(self) -> None:
        """Raises Busy if as many are being read as may be."""
        if sum(one.children.state().state == children.RUNNING for one in self.all()) >= AT_ONCE:
            raise Busy(f'{AT_ONCE} collections are being read already. Try again in a minute.')

    def remove(self, id: str) -> None:
        """Removes one and all its music. Raises SolferinoError if there is none."""
        collection = self.get(id)
        collection.children.kill()
        discard(collection.folder)


def discard(folder: Path) -> None:
    """Removes a folder, which is gone for others at once."""
    gone = folder.with_name(f'.{folder.name}-{secrets.token_hex(4)}')
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def remove_discarded(folder: Path) -> None:
    """Removes what a studio that was killed had discarded."""
    for path in folder.glob('.*'):
        shutil.rmtree(path, ignore_errors=True)


def _plain(id: str) -> str:
    """Raises SolferinoError for what is no id."""
    if not (id.isascii() and id.isalnum()):
        raise SolferinoError(_GONE)
    return id


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


async def _receive(parts: AsyncIterator[bytes], folder: Path, target: Path, most: int) -> tuple[int, int | None]:
    """Writes a file, whole or not at all. Returns its size, and that of the one that it replaces, None without one.

    It arrives in a folder of its own, where nobody takes a half of it for music.
    """
    folder.mkdir(exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        raise IsADirectoryError
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        size = 0
        async for part in parts:
            size += len(part)
            if size > most:
                raise SolferinoError(f'{target.name} is larger than {most >> 20} MB, or the collection is full.')
            file.write(part)
        file.flush()
        before = target.stat().st_size if target.exists() else None
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        os.link(file.name, target)
    return size, before
