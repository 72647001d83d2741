"""What the view Learn and the server say to each other; see `messages`."""

import re
from typing import Annotated

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio.messages import Id, Text

_NAME = re.compile(r"[^\W_][\w .,()&+'-]{0,59}")  # of a file, too: no separators of paths, no dot in front
_Word = Annotated[str, msgspec.Meta(pattern=r'^[a-z][a-z0-9_]{0,40}$')]
Options = Annotated[dict[_Word, bool | int | float | Text], msgspec.Meta(max_length=20)]


class NewCollection(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for a collection to put music into."""

    name: Text


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """Asks to read a collection.

    Attributes:
      options: of extracting, by family; they are kept for trainings.
    """

    options: Annotated[dict[_Word, Options], msgspec.Meta(max_length=20)] = {}


class Train(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for a training.

    Attributes:
      collection: its id.
      preset: '' for none.
      num_steps: 0 for the preset's.
    """

    collection: Id
    family: _Word
    config: _Word
    preset: Annotated[str, msgspec.Meta(pattern=r'^[a-z_]{0,40}$')] = ''
    num_steps: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class GoOn(msgspec.Struct, forbid_unknown_fields=True):
    """Asks to go on with a training; to `num_steps` in all, 0 for as far as it was to go."""

    num_steps: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class Save(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for a bundle of what was trained, under a name, with what its maker says of it."""

    name: Text
    description: Annotated[str, msgspec.Meta(max_length=500)] = ''


def require_name(name: str) -> str:
    """Returns what people call something. Raises SolferinoError if no file can be called so."""
    if not _NAME.fullmatch(name.strip()):
        raise SolferinoError(
            "A name begins with a letter or a digit, and has up to 60 letters, digits, spaces and . , ( ) & + ' -"
        )
    return name.strip()
