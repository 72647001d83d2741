"""Words for people: numbers and nouns that agree, and names that any file can hold."""

import re

_PLURAL = re.compile(r'^((?:(?!(?:of|in|by|without)\b)[\w.-]+ )*?(?!(?:of|in|by|without)\b)[\w.-]+?)s\b')

_NO_CHARACTER = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')  # in XML 1.0, section 2.2


def readable(text: str) -> str:
    """'caf\\udce9' -> 'caf\\\\xe9': bytes of a name that are not UTF-8, and what XML takes for no character."""
    plain = text.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    return _NO_CHARACTER.sub(lambda found: f'\\x{ord(found[0]):02x}', plain)


def counted(number: int, nouns: str) -> str:
    """(1, 'examples') -> '1 example', (1200, 'examples') -> '1,200 examples'."""
    return f'{number:,} {agreeing(number, nouns)}'


def agreeing(number: float, nouns: str) -> str:
    """(1, 'files converted') -> 'file converted': the first noun, which must end in s, is singular for 1."""
    return _PLURAL.sub(r'\1', nouns) if number == 1 else nouns
