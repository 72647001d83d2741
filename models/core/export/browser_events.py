"""What a web page must know about an event model to run it."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class BrowserEvents:
    """How @magenta/music turns notes into event classes.

    Attributes:
      converter: its data converter, as in a checkpoint's config.json: {'type': ..., 'args': {...}}.
      advice: for the author of a web page: what a primer must be.
    """

    converter: Mapping[str, Any]
    advice: str
