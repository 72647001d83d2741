"""What is installed is under licences that let it be used, and the page that says so is true."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location('licences', Path(__file__).parent / 'licences.py')
licences = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(licences)


def test_the_page_is_what_the_packages_say():
    assert licences.PAGE.read_text(encoding='utf-8') == licences.page(), 'python tests/licences.py writes it anew'


def test_nothing_is_under_the_gpl():
    found = licences.licences()
    assert len(found) > 100
    assert [name for name, (licence, _) in found.items() if re.search(r'(?<!L)GPL', licence)] == []


def test_what_is_imported_without_an_extra_has_no_lgpl_but_by_others():
    """soxr comes with librosa, which note-seq asks for; nothing of ours imports it without the extra [audio]."""
    base = [name for name, (licence, users) in licences.licences().items() if users == ['all'] and 'LGPL' in licence]
    assert base == ['soxr']


@pytest.mark.parametrize(
    ('metadata', 'expected'),
    [
        ('License-Expression: MIT', 'MIT'),
        ('License: GPLv3', 'GPL'),
        ('License: GNU General Public License v2', 'GPL'),
        ('License: LGPL-2.1', 'LGPL'),
        ('Classifier: License :: OSI Approved :: GNU Affero General Public License v3', 'AGPL'),
        ('Classifier: License :: OSI Approved :: GNU Lesser General Public License v2', 'LGPL'),
        ('License: Copyright (c) 2015\nClassifier: License :: OSI Approved :: BSD License', 'BSD'),
        ('License: UNKNOWN\nClassifier: License :: OSI Approved :: ISC License (ISCL)', 'ISC'),
    ],
)
def test_licences_are_read(monkeypatch, metadata, expected):
    import email

    monkeypatch.setattr(importlib.metadata, 'metadata', lambda name: email.message_from_string(f'{metadata}\n'))
    assert licences.licence('some-package') == expected


def test_a_package_that_says_nothing_is_an_error(monkeypatch):
    import email

    monkeypatch.setattr(importlib.metadata, 'metadata', lambda name: email.message_from_string('Name: x\n'))
    with pytest.raises(LookupError, match='x says nothing'):
        licences.licence('x')


def test_a_lock_file_is_read():
    lock = '#  comment\na==1\n    # via solferino (setup.py)\nb-c==2 ; x\n    # via\n    #   a\n    #   d\n'
    assert licences.parents(lock) == {'a': ['solferino (setup.py)'], 'b-c': ['a', 'd']}
