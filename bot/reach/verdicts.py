"""What WeChat's refusals of a message mean for the next one: a table of error numbers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Verdict(Enum):
    """What is shut after a refusal."""

    WINDOW = auto()  # no customer-service message to this follower until they write or tap again
    GONE = auto()  # they do not follow the account
    UNWELCOME = auto()  # they do not want notices of this template
    PERSON = auto()  # this way does not lead to this follower
    CHANNEL = auto()  # this way is shut for the whole account
    FORM = auto()  # this template, or what we put into it, is refused


VERDICTS: Mapping[int, Verdict] = {
    45015: Verdict.WINDOW,  # the window is over, or they left
    45047: Verdict.WINDOW,  # its messages are used up
    43004: Verdict.GONE,
    43101: Verdict.UNWELCOME,  # refused, or no consent is left
    43019: Verdict.PERSON,  # on the account's blacklist
    48002: Verdict.PERSON,  # they switched the account's messages off
    70000: Verdict.PERSON,  # protection of minors
    48001: Verdict.CHANNEL,  # the account has no right to it
    48004: Verdict.CHANNEL,  # the right was taken away
    45009: Verdict.CHANNEL,  # the account's calls of the day are used up
    40037: Verdict.FORM,  # no such template
    41028: Verdict.FORM,  # form id of another kind of template
    43116: Verdict.FORM,  # the template is restricted
    40249: Verdict.FORM,  # marketing words
    47003: Verdict.FORM,  # a field's value is not of its type
    40165: Verdict.FORM,  # the page of the mini-program is wrong
}
FOR_ALL = (Verdict.CHANNEL, Verdict.FORM)  # shut for every follower: the operator is to know
