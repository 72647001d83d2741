"""Maps the four folders of the tree into one import package, `solferino`."""

from setuptools import find_packages, setup

FOLDERS = ('hparams', 'models', 'pipelines', 'bin')
packages = [p for p in find_packages(exclude=['tests', 'tests.*']) if p.split('.')[0] in FOLDERS]

setup(
    name='solferino',
    version='0.1.0',
    description='Train models of symbolic music on your own MIDI files and generate new music with them.',
    license='Apache-2.0',
    python_requires='>=3.11,<3.14',
    packages=['solferino.' + p for p in packages],
    # Only the children are mapped: `solferino` itself is a namespace package.
    package_dir={'solferino.' + folder: folder for folder in FOLDERS},
)
