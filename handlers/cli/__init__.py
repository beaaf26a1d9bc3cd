"""The command line of admins: one file per noun, help in Chinese, an error is a sentence and never a traceback."""

from handlers.cli.main import main

__all__ = ["main"]
