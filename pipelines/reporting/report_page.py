"""The page: sections of players, tables, pictures and commands as one HTML file, with all that it shows inside."""

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jinja2


@dataclasses.dataclass(frozen=True)
class Player:
    """A piece to hear and to see.

    Attributes:
      title: of the piece.
      facts: what is said below it.
      picture: a PNG.
      sound: an MP3; None if there is none.
    """

    title: str
    facts: str
    picture: bytes
    sound: bytes | None


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of each is its name. `note` says what the table shows."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ''


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG; `words` say what is to be seen, for those who do not see it."""

    picture: bytes
    words: str


@dataclasses.dataclass(frozen=True)
class Commands:
    """Lines as they were typed."""

    text: str


@dataclasses.dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


Block = Player | Table | Picture | Commands | Words


@dataclasses.dataclass(frozen=True)
class Section:
    """Blocks below a title."""

    title: str
    blocks: Sequence[Block]


def render(title: str, summary: str, sections: Sequence[Section]) -> str:
    """Returns the page as HTML; what it is given is text, never markup."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters['base64'] = lambda data: base64.b64encode(data).decode('ascii')
    environment.filters['kind'] = lambda block: type(block).__name__
    template = environment.from_string(Path(__file__).with_name('report_page.html').read_text('utf-8'))
    return template.render(title=title, summary=summary, sections=sections) + '\n'
