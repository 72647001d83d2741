"""musegan_train: see `train.py`."""

from solferino.bin import train
from solferino.hparams.musegan import SPEC


def console_entry_point() -> None:
    """The command."""
    train.run(SPEC)


if __name__ == '__main__':
    console_entry_point()
