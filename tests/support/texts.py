"""Texts that an echo could spoil."""

TEXTS = [
    "",
    "x",
    'say "hello"',
    "two\nlines\r\n",
    "\0",
    "\u2028\u2029",
    "😀 é 漢字",
    "back\\slash",
    "x" * 70_000,
]
TEXT_IDS = [ascii(text)[:20] for text in TEXTS]
