"""Maps the four folders of the tree into one import package, `solferino`.

Where no GPU will ever be used, the smaller tensorflow-cpu can stand in for tensorflow:

    SOLFERINO_TENSORFLOW=tensorflow-cpu pip install .
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

FOLDERS = ('hparams', 'models', 'pipelines', 'bin')
packages = [p for p in find_packages(exclude=['tests', 'tests.*']) if p.split('.')[0] in FOLDERS]

# TensorFlow is one import package under several distribution names; pip cannot be told "one of these".
tensorflow = os.environ.get('SOLFERINO_TENSORFLOW') or 'tensorflow'

COMMANDS = (
    'convert_dir_to_note_sequences',
    'drums_rnn_create_dataset',
    'drums_rnn_generate',
    'drums_rnn_train',
    'jazz_rnn_create_dataset',
    'jazz_rnn_generate',
    'jazz_rnn_improvise',
    'jazz_rnn_train',
    'melody_rnn_create_dataset',
    'melody_rnn_generate',
    'melody_rnn_train',
    'musegan_create_dataset',
    'musegan_generate',
    'musegan_train',
    'piano_rnn_create_dataset',
    'piano_rnn_generate',
    'piano_rnn_train',
    'rbm_create_dataset',
    'rbm_generate',
    'rbm_train',
    'solferino_convert_bundle',
    'solferino_draw',
    'solferino_evaluate',
    'solferino_export',
    'solferino_inspect',
    'solferino_metrics',
    'solferino_midi',
    'solferino_originality',
    'solferino_play',
    'solferino_render',
    'solferino_report',
    'solferino_studio',
    'solferino_write_grooves',
)


class BuildPage(build_py):
    """Builds the studio's page into the package; without npm a wheel has no page, and the studio says so."""

    def run(self):
        page = Path(__file__).parent / 'pipelines' / 'studio' / 'page'
        if shutil.which('npm') and not (page / 'dist' / 'index.html').is_file():
            for command in (['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], ['npm', 'run', 'build']):
                if subprocess.run(command, cwd=page).returncode:
                    print('The page of the studio was not built: this package has none.')
                    break
        super().run()


setup(
    name='solferino',
    version='0.1.0',
    description='Train models of symbolic music on your own MIDI files and generate new music with them.',
    license='Apache-2.0',
    python_requires='>=3.11,<3.14',
    cmdclass={'build_py': BuildPage},
    packages=['solferino.' + p for p in packages],
    # Only the children are mapped: `solferino` itself is a namespace package.
    package_dir={'solferino.' + folder: folder for folder in FOLDERS},
    package_data={
        'solferino.models': ['**/*.txt', '**/*.js'],
        'solferino.pipelines': ['**/*.html', 'studio/page/dist/*'],
        'solferino.hparams': ['recipes/*.flags'],
    },
    entry_points={'console_scripts': [f'{name}=solferino.bin.{name}:console_entry_point' for name in COMMANDS]},
    # The set that is known to work together is pinned in requirements.lock; these are the ranges that may work.
    install_requires=[
        f'{tensorflow}>=2.21,<2.22',  # its kernels and tf.function; every minor version changes something we build on
        'keras>=3.12,<4',  # models are Keras 3 models
        'tensorboard>=2.20,<3',  # writes and shows the training curves; TensorFlow no longer brings it
        'note-seq==0.0.5',  # NoteSequence, and what --magenta_reading reads with; no longer developed
        'pretty_midi>=0.2.10,<0.3',  # the names of General MIDI's instruments; note-seq reads MIDI with it
        'apache-beam>=2.70,<3',  # the pipelines; their TFRecords are our own, so without its [tfrecord] extra
        'google-crc32c>=1.5,<2',  # the checksums of TFRecords; a wheel, where Beam's crcmod wants a C compiler
        'protobuf>=6.31,<7',  # NoteSequence and bundles; TensorFlow asks for 6.31, Beam for less than 7
        'numpy>=2,<2.5',  # Beam asks for less than 2.5
        'ml_dtypes>=0.5.1,<1',  # bfloat16 for NumPy
        'threadpoolctl>=3,<4',  # fewer threads for small matrices; NumPy itself has no such switch
        # Suffix arrays of a million notes in a second; it brings libdivsufsort as wheels for all three Pythons.
        # Doubling in NumPy takes ten times as long.
        'pydivsufsort>=0.0.20,<0.1',
        'numba>=0.61,<1',  # compiles training's fused kernels; a wheel, which librosa brings anyway
        'safetensors>=0.5,<1',  # weights in bundles and checkpoints, without code
        'msgspec>=0.20,<1',  # holds stored JSON against what it must be; imports in a third of pydantic's time
        'absl-py>=2.1,<3',  # flags and logging
        'matplotlib>=3.8,<4',  # pictures of tracks
        'jinja2>=3.1,<4',  # the page of a report, every text escaped; note-seq's bokeh brings it anyway
        'tqdm>=4.66,<5',  # progress bars
        'audioop-lts>=0.2.1; python_version >= "3.13"',  # note-seq's pydub imports audioop, gone from Python 3.13
    ],
    extras_require={
        'sound': [
            # Plays notes through a soundfont. Of those with wheels for all three Pythons it is the one that is kept up:
            # midirenderer, which is ten times as fast, was last released in 2024 and has 16 bits, which a loud chord
            # overflows; tinysoundfont has no pedal and no wheel for 3.13; pyfluidsynth wants a library of the system's.
            'libsonare>=1.9.1,<2',
            'soundfile>=0.13,<1',  # writes WAV, FLAC, Ogg and, without a program of the system's, MP3
            'miniaudio>=1.60,<2',  # plays; its wheel has all that it needs, where sounddevice's lacks PortAudio
            'scipy>=1.13,<2',  # sliding minima, for the limiter; librosa brings it anyway
        ],
        'score': [
            'music21>=10,<11',  # writes MusicXML, with beams, ties and accidentals; BSD
            'verovio>=5,<7',  # draws it, without a program of the system's or a network; LGPL, and not changed here
        ],
        'midi': [
            'mido>=1.3,<2',  # messages, and ports of any backend; pretty_midi brings it anyway
            # The ports, on Linux, macOS and Windows. mido has a backend for python-rtmidi alone, which has no wheel for
            # 3.13; this one has wheels for all three Pythons (on Linux for x86-64), so the backend is ours.
            'rtmidi2>=1.5,<2',
        ],
        # Recordings to notes, by the model of basic-pitch 0.4.0. Its package cannot be named here, as it asks for a
        # TensorFlow before 2.16; it is installed by itself: pip install --no-deps basic-pitch==0.4.0
        'audio': [
            'onnxruntime>=1.20,<2',  # runs the model; TensorFlow does not take its SavedModel
            'soundfile>=0.13,<1',  # decodes WAV, MP3, FLAC and Ogg without a program of the system's
            'soxr>=0.5,<2',  # to the model's sample rate
        ],
        'studio': [
            # The server of the page. Both are small and kept up, and bring three packages; tornado, which comes along
            # with other packages, has no types and fewer eyes on it; FastAPI adds pydantic, where msgspec is here.
            'starlette>=1.0,<2',
            'uvicorn>=0.40,<1',
            'h11>=0.14,<1',  # uvicorn's reader of requests, which is told to be patient for so long only
        ],
        # Paths such as s3://bucket/midi, for pipelines on engines: what Beam's filesystems need, named as in Beam.
        'aws': ['boto3>=1.34,<2'],
        'gcp': ['apache-beam[gcp]'],
        'hdfs': ['hdfs>=2.7,<3'],
        'dev': [
            'pytest>=8,<10',
            'hypothesis>=6.100,<7',  # round trips of encodings on invented input
            'ruff>=0.15,<1',
            'mypy>=1.15,<3',
            'muspy>=0.5,<1',  # its metrics are the oracle of ours
            'mir_eval>=0.8,<1',  # the field's measure of transcriptions, for tests/benchmarks/audio.py
            # An S3 server on loopback, with what its server needs: moto[server] brings forty packages, for all of AWS.
            'moto[s3]>=5,<6',
            'flask>=3,<4',
            'flask-cors>=5,<7',
            'boto3>=1.34,<2',
            'setuptools>=77',  # builds the wheel that a test looks into
        ],
    },
)
