"""What the page and the server say to each other: the bodies of requests and answers, as JSON.

A request is held against its class once, where it arrives (`read`); after that nobody checks again.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import schemas

Id = Annotated[str, msgspec.Meta(pattern=r'^[a-z0-9-]{1,40}$')]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Tempo = Annotated[float, msgspec.Meta(ge=4, le=6000)]
_Midi = Annotated[int, msgspec.Meta(ge=0, le=127)]
_Body = TypeVar('_Body')

MOST_NOTES = 20_000


class Note(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A note: [pitch, start, end, velocity, program, is_drum, track], times in seconds."""

    pitch: _Midi
    start: Seconds
    end: Seconds
    velocity: Annotated[int, msgspec.Meta(ge=1, le=127)] = 80
    program: _Midi = 0
    is_drum: bool = False
    track: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class Music(msgspec.Struct, forbid_unknown_fields=True):
    """Notes in a tempo and a metre, as they are drawn, heard and used as a primer."""

    notes: Annotated[list[Note], msgspec.Meta(max_length=MOST_NOTES)]
    qpm: Tempo = 120.0
    metre: tuple[Annotated[int, msgspec.Meta(ge=1, le=64)], Annotated[int, msgspec.Meta(ge=1, le=64)]] = (4, 4)
    seconds: Seconds = 0.0  # how long it is; 0 for as long as its notes


class Generate(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for music.

    Attributes:
      model: its id in the list of models.
      primer: what all outputs begin with; None for the family's own beginning.
      num_outputs: how many variations.
      options: fields of the family's options of generating, as `Option` tells them.
    """

    model: Id
    primer: Music | None = None
    num_outputs: Annotated[int, msgspec.Meta(ge=1, le=20)] = 4
    options: Annotated[dict[Text, bool | int | float | Text | None], msgspec.Meta(max_length=64)] = {}


class ChangePiece(msgspec.Struct, forbid_unknown_fields=True):
    """Keeps a piece, or no longer."""

    kept: bool


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for the token."""

    password: Text


class Option(msgspec.Struct):
    """An option of generating, from a field of the family's dataclass.

    Attributes:
      kind: 'bool', 'int', 'float' or 'str'.
      default: None for none.
      auto: whether the word 'auto' is a value, too.
      most: the highest value; None where there is none.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    auto: bool = False
    most: float | None = None


class Model(msgspec.Struct):
    """A trained model as the page shows it.

    Attributes:
      name: for people.
      family, config: 'drums_rnn', 'drum_kit'.
      description: what its maker wrote, or its config's words.
      is_drums: whether it plays drums, so that a primer is drawn in a grid.
      takes_primer: whether its music begins with what it is given.
      steps_per_quarter: of its grid.
      temperature: the one recommended; None if it is not known.
      options: of generating.
    """

    id: str
    name: str
    family: str
    config: str
    description: str
    is_drums: bool
    takes_primer: bool
    steps_per_quarter: float
    temperature: float | None
    options: list[Option]


class Piece(msgspec.Struct):
    """Music that was made, with all that made it.

    Attributes:
      name: of its files.
      primer_seconds: how much of its beginning was given.
      primer: what it was given to begin with.
      kept: whether its maker wants to keep it.
      command, python: what makes it again, to copy.
    """

    id: str
    name: str
    model: str
    music: Music
    seed: int
    number: int
    primer_seconds: float = 0.0
    primer: Music | None = None
    kept: bool = False
    made: float = 0.0
    command: str = ''
    python: str = ''


def read(body: bytes, kind: type[_Body]) -> _Body:
    """Returns the body of a request as an object. Raises SolferinoError that says what is wrong with it, and where."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:  # the former's subclass ValidationError, too
        raise SolferinoError(f'The request is not understood: {schemas.in_words(str(error))}.') from None


def write(answer: Any) -> bytes:
    """Returns an answer as JSON."""
    return msgspec.json.encode(answer)
