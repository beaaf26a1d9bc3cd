"""The operator's own texts: sentences by name, keyword rules and office hours, one file, read again at any edit.

What a text says by default is the front desk's (``handlers/chat/replies*.py``); the file overrides by name only.
"""

from bot.texts.book import Book, Hit, Rule
from bot.texts.file import load_file, read
from bot.texts.names import NAMES, REPLY_BYTES
from bot.texts.watch import Texts

__all__ = ["NAMES", "REPLY_BYTES", "Book", "Hit", "Rule", "Texts", "load_file", "read"]
