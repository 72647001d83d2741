"""Flags of sentences become fields of the page."""

import dataclasses
import re

import pytest

from solferino.models import registry
from solferino.pipelines.studio import wording


@pytest.mark.parametrize(
    ('said', 'shown'),
    [
        ('--num_bars=0 must be 1 or more.', '“Length in bars” 0 must be 1 or more.'),
        ('--temperature=0.5.', '“Temperature” 0.5.'),
        ('Give one: --seconds=2, --num_steps=5.', 'Give one: “Length in seconds” 2, “Length in steps” 5.'),
        ('(--num_bars=2 (32 steps) counts)', '(“Length in bars” 2 (32 steps) counts)'),
        ('--[no]accents or --chords_seed=', '“Accents” or “Chords seed”'),
        ('1 -- 2 - no flag', '1 -- 2 - no flag'),
    ],
)
def test_sentences(said: str, shown: str) -> None:
    assert wording.for_the_page(said) == shown


@pytest.mark.parametrize('name', registry.FAMILIES)
def test_no_help_of_an_option_speaks_of_flags(name: str) -> None:
    fields = dataclasses.fields(registry.get(name).spec.generation)
    for field in fields:
        assert not re.search(r'--\w', wording.for_the_page(field.metadata.get('help', '')))
    labels = [wording.label(field.name) for field in fields]
    assert len(set(labels)) == len(labels)
