"""What the library says of flags, in the words of the page: errors and help name flags, and the page has fields.

The page shows `label` beside each field, and so both agree.
"""

import re

# Of fields that all models have, and of those whose names say little. The others are called what they are.
_LABELS = {
    'num_steps': 'Length in steps',
    'num_bars': 'Length in bars',
    'seconds': 'Length in seconds',
    'qpm': 'Tempo',
    'num_outputs': 'Variations',
    'primer_midi': 'Beginning',
    'exclude_primer': 'Leave the beginning out',
    'infill_midi': 'Music',
    'infill_bars': 'Bars to make anew',
    'bundle_file': 'Model',
    'run_dir': 'Run',
    'num_training_steps': 'Steps',
    'eval_file': 'Music held out',
    'hparams': 'Settings of the model',
}
# A value ends before the punctuation of the sentence that it stands in.
_FLAG = re.compile(r'--(?:\[no\])?([a-z][a-z0-9_]*)(?:=([^\s,;:()]*[^\s,;:().])?)?')


def label(name: str) -> str:
    """What the page calls an option.

    >>> label('num_bars'), label('gibbs_steps')
    ('Length in bars', 'Gibbs steps')
    """
    return _LABELS.get(name) or name.replace('_', ' ').capitalize()


def for_the_page(text: str) -> str:
    """Returns a sentence about flags as one about fields.

    >>> for_the_page('--temperature=0.0 must be above 0.')
    '“Temperature” 0.0 must be above 0.'
    """
    return _FLAG.sub(lambda found: f'“{label(found[1])}”' + (f' {found[2]}' if found[2] else ''), text)
