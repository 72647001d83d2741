"""The training command of the toy family, to run in a process of its own."""

import toy_family

from solferino.bin import train
from solferino.models import registry

if __name__ == '__main__':
    registry.FAMILIES['toy_rnn'] = 'toy_family'
    train.run(toy_family.SPEC)
