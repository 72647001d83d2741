"""musegan_generate: see `generate.py`."""

from solferino.bin import generate
from solferino.hparams.musegan import SPEC


def console_entry_point() -> None:
    """The command."""
    generate.run(SPEC)


if __name__ == '__main__':
    console_entry_point()
