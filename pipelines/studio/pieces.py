"""The music that was made: a folder with `<id>.json` and `<id>.mid` for each piece."""

from pathlib import Path

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines.studio.messages import Piece


class Pieces:
    """What is in the folder; one server at a time writes there."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[Piece]:
        """All pieces, the newest first; files that are damaged are passed over."""
        found = []
        for path in self._folder.glob('*.json'):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Piece))
            except (OSError, msgspec.DecodeError):
                continue
        return sorted(found, key=lambda piece: (-piece.made, piece.number))

    def get(self, id: str) -> Piece:
        """Returns a piece. Raises SolferinoError if there is none."""
        try:
            return msgspec.json.decode(self._path(id).read_bytes(), type=Piece)
        except (OSError, msgspec.DecodeError):
            raise SolferinoError('This piece is not there any more.') from None

    def put(self, piece: Piece) -> None:
        """Writes a piece, whole or not at all."""
        atomic_write(str(self._path(piece.id)), msgspec.json.encode(piece))

    def remove(self, id: str) -> None:
        """Removes a piece, if it is there."""
        self._path(id).unlink(missing_ok=True)

    def _path(self, id: str) -> Path:
        return self._folder / f'{id}.json'  # an id has no dots and slashes: `messages.Id`
