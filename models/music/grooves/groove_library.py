"""The drum styles that the project carries: the text files of the folder styles/, one for each."""

import functools
from importlib import resources

from solferino.hparams.errors import SolferinoError
from solferino.models.music.grooves.groove_text import Style, parse_style

_FOLDER = resources.files('solferino.models.music.grooves') / 'styles'


def style_names() -> list[str]:
    """The names of all styles, sorted."""
    return sorted(file.name.removesuffix('.txt') for file in _FOLDER.iterdir() if file.name.endswith('.txt'))


@functools.cache
def style(name: str) -> Style:
    """Returns a style. Raises SolferinoError that lists the styles if there is none of this name."""
    if name not in style_names():
        raise SolferinoError(f'There is no style {name!r}. The styles are: {", ".join(style_names())}.')
    return parse_style((_FOLDER / f'{name}.txt').read_text('utf-8'), name)
