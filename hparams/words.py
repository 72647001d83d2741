"""Numbers and nouns that agree, for messages."""

import re

_PLURAL = re.compile(r'^((?:(?!(?:of|in|by|without)\b)[\w.-]+ )*?(?!(?:of|in|by|without)\b)[\w.-]+?)s\b')


def counted(number: int, nouns: str) -> str:
    """(1, 'examples') -> '1 example', (1200, 'examples') -> '1,200 examples'."""
    return f'{number:,} {agreeing(number, nouns)}'


def agreeing(number: float, nouns: str) -> str:
    """(1, 'files converted') -> 'file converted': the first noun, which must end in s, is singular for 1."""
    return _PLURAL.sub(r'\1', nouns) if number == 1 else nouns
