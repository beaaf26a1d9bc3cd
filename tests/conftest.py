"""The tests run the code as it lies here, or with COMPILED=1 what ``make fast`` made of it."""

import os

import pytest

from run import take_compiled

if os.environ.get("COMPILED") and not take_compiled():
    pytest.exit("run make fast first: there is no compiled code, or it is not of this code", returncode=2)
