"""musegan_create_dataset: see `create_dataset.py`."""

from solferino.bin import create_dataset
from solferino.hparams.musegan import SPEC


def console_entry_point() -> None:
    """The command."""
    create_dataset.run(SPEC)


if __name__ == '__main__':
    console_entry_point()
