"""The music that was made: a folder with `<id>.json` and `<id>.mid` for each piece."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines.studio.messages import Piece
from solferino.pipelines.studio.work_folder import Full

MOST = 1000  # pieces; of those that are not kept the oldest go
_MOST_TOLD = 16 << 20  # bytes of pieces at a time, beyond which no other follows
_ID = re.compile(r'[a-z0-9-]{1,40}')
_GONE = 'This piece is not there any more.'


@dataclasses.dataclass(frozen=True)
class _Known:
    """What is remembered of a piece: its music is in its file alone, so that the server stays small."""

    made: float
    number: int
    kept: bool


class Pieces:
    """What is in the folder; one server at a time writes there. Files that are damaged are passed over."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, _Known] = {}
        for path in folder.glob('*.json'):
            try:
                self._remember(msgspec.json.decode(path.read_bytes(), type=Piece))
            except (OSError, msgspec.DecodeError, RecursionError):
                continue

    def __len__(self) -> int:
        return len(self._known)

    def some(self, first: int, number: int) -> list[msgspec.Raw]:
        """So many pieces as JSON, the newest first, from the one that is `first`; fewer of large ones, but one."""
        found: list[msgspec.Raw] = []
        size = 0
        for id in sorted(self._known, key=lambda id: (-self._known[id].made, self._known[id].number))[first:][:number]:
            try:
                told = self._path(id).read_bytes()
            except OSError:  # removed by someone else
                del self._known[id]
                continue
            size += len(told)
            if found and size > _MOST_TOLD:
                break
            found.append(msgspec.Raw(told))
        return found

    def get(self, id: str) -> Piece:
        """Returns a piece. Raises SolferinoError if there is none."""
        return read(self._path(id))

    def file(self, id: str) -> Path:
        """Returns the JSON file of a piece. Raises SolferinoError if there is none."""
        path = self._path(id)
        if not path.is_file():
            raise SolferinoError(_GONE)
        return path

    def midi(self, id: str) -> Path | None:
        """Returns its MIDI file, if there is one."""
        path = self._path(id).with_suffix('.mid')
        return path if path.is_file() else None

    def require_room(self) -> None:
        """Raises Full if all pieces that there may be are kept."""
        if sum(known.kept for known in self._known.values()) >= MOST:
            raise Full(f'{MOST:,} pieces are kept, and more there cannot be. Discard some.')

    def add(self, pieces: Sequence[Piece], midi: Sequence[Path]) -> None:
        """Puts new pieces, with their MIDI files, which are moved here; the oldest that are not kept give way."""
        for piece, path in zip(pieces, midi, strict=True):
            os.replace(path, self._path(piece.id).with_suffix('.mid'))
            self.put(piece)
        old = sorted((known.made, id) for id, known in self._known.items() if not known.kept)
        for _, id in old[: max(0, len(self) - MOST)]:
            self.remove(id)

    def put(self, piece: Piece) -> None:
        """Writes a piece, whole or not at all."""
        atomic_write(str(self._path(piece.id)), msgspec.json.encode(piece))
        self._remember(piece)

    def remove(self, id: str) -> None:
        """Removes a piece, if it is there."""
        for path in (self._path(id), self._path(id).with_suffix('.mid')):
            path.unlink(missing_ok=True)
        self._known.pop(id, None)

    def _remember(self, piece: Piece) -> None:
        self._known[piece.id] = _Known(piece.made, piece.number, piece.kept)

    def _path(self, id: str) -> Path:
        if not _ID.fullmatch(id):  # no dots and slashes
            raise SolferinoError(_GONE)
        return self._folder / f'{id}.json'


def read(path: Path) -> Piece:
    """Returns the piece of a JSON file. Raises SolferinoError if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Piece)
    except (OSError, msgspec.DecodeError):
        raise SolferinoError(_GONE) from None
