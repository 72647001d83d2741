"""What the page and the server say to each other: the bodies of requests and answers, as JSON.

A request is held against its class once, where it arrives (`read`); after that nobody checks again.

For the page: it shows `Option.label` beside a field, as errors name fields by it (`wording.label` also has those of
Variations and Beginning). In the list of models, one that has `reading` is not known yet, ask again in a second; one
that has `error` does not load. `GET /api/pieces` answers with a hundred, and in `total` with how many there are.
Statuses: 400 a sentence about the request, 401 and 403 the token, 413 too large, 429 the queue is full, 507 no room.
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


class Infill(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for a stretch of music to be made anew.

    Attributes:
      model: its id in the list of models; one that has `can_infill`.
      music: all of it.
      start, end: of the stretch; of notes, those count that start there on the model's grid.
      num_outputs, options: see `Generate`; a length among the options is not used.
    """

    model: Id
    music: Music
    start: Seconds
    end: Seconds
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
      label: what the page calls it, and errors too.
      kind: 'bool', 'int', 'float' or 'str'.
      default: None for none.
      auto: whether the word 'auto' is a value, too.
      most: the highest value; None where there is none.
    """

    name: str
    label: str
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
      can_infill: whether it makes a stretch of given music anew.
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
    can_infill: bool
    steps_per_quarter: float
    temperature: float | None
    options: list[Option]


class Piece(msgspec.Struct):
    """Music that was made, with all that made it.

    Attributes:
      name: of its files.
      primer_seconds: how much of its beginning was given.
      primer: what it was given to begin with.
      stretch: seconds from and to which it was made anew; None where all of it was made.
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
    stretch: tuple[float, float] | None = None
    kept: bool = False
    made: float = 0.0
    command: str = ''
    python: str = ''


class Judge(msgspec.Struct, forbid_unknown_fields=True):
    """Asks how pieces compare with the music that was learned from.

    Attributes:
      reference: its id in the list of training music.
      pieces: ids.
    """

    reference: Id
    pieces: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=200)]


class Mean(msgspec.Struct):
    """A mean with its interval of 95 %; None where it is not known."""

    value: float
    low: float | None
    high: float | None


class Measured(msgspec.Struct):
    """A metric of what was made and of what is known.

    Attributes:
      made, known: None where nothing can be measured.
      overlap, divergence: how far they are apart (Yang and Lerch 2020), None where too little is known: 1 and 0 where
        they are alike.
    """

    title: str
    made: Mean | None
    known: Mean | None
    overlap: float | None
    divergence: float | None


class Copied(msgspec.Struct):
    """The longest run of notes that a piece has from the training music.

    Attributes:
      piece: its id.
      notes, bars, seconds: how long it is; 0 notes for none.
      share: of the piece's notes that are in runs.
      bar: where it begins, from 1.
      other, other_bar: the training piece and where it begins there.
      semitones: how much higher it is in the piece.
      there: the training piece's bars, to hear; None of short runs.
    """

    piece: str
    notes: int = 0
    bars: float = 0.0
    seconds: float = 0.0
    share: float = 0.0
    bar: int = 0
    other: str = ''
    other_bar: int = 0
    semitones: int = 0
    there: Music | None = None


class Judged(msgspec.Struct):
    """What `Judge` asked for.

    Attributes:
      pieces, known: how many pieces of each side.
      usual: notes on end that 95 of 100 training pieces have at most of each other.
    """

    pieces: int
    known: int
    metrics: list[Measured]
    usual: int
    copied: list[Copied]


def read(body: bytes, kind: type[_Body]) -> _Body:
    """Returns the body of a request as an object. Raises SolferinoError that says what is wrong with it, and where."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:  # the former's subclass ValidationError, too
        raise SolferinoError(f'The request is not understood: {schemas.in_words(str(error))}.') from None


def write(answer: Any) -> bytes:
    """Returns an answer as JSON."""
    return msgspec.json.encode(answer)
