"""What a page must know of a model of events to run it."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class BrowserEvents:
    """How @magenta/music makes event classes of notes.

    Attributes:
      converter: its data converter, as it stands in a checkpoint's config.json: {'type': ..., 'args': {...}}.
      advice: what the author of a web page must know about the notes to begin with.
    """

    converter: Mapping[str, Any]
    advice: str
