"""What can go wrong, as exceptions."""
from __future__ import annotations

import json


class TokenReelError(Exception):
    """A call failed; `str()` says in one line what was found, what is allowed and what to do.

    There is a subclass for each kind of failure. `code` is the kind's stable name, such as "limit-exceeded".
    """

    def __init__(self, message: str, code: str = "", subject: str = "", found: str = "", allowed: str | None = None,
                 remedy: str | None = None) -> None:
        super().__init__(message)
        self.code, self.subject, self.found, self.allowed, self.remedy = code, subject, found, allowed, remedy


class InvalidArgumentError(TokenReelError, ValueError):
    """An option or argument makes no sense."""


class UnreadableInputError(TokenReelError):
    """The input can't be opened or is not what it claims to be."""


class UnsupportedInputError(TokenReelError):
    """The input is well formed but of a kind that is not accepted."""


class LimitExceededError(TokenReelError):
    """A limit on pixels, frames, bytes or seconds was reached."""


class MissingSignalError(TokenReelError):
    """A method needs a signal that the grid does not carry."""


class InputOutputError(TokenReelError, OSError):
    """Reading or writing failed in the operating system."""


class CancelledError(TokenReelError):
    """The work was cancelled."""


_KINDS: dict[str, type[TokenReelError]] = {
    "invalid-argument": InvalidArgumentError, "unreadable-input": UnreadableInputError,
    "unsupported-input": UnsupportedInputError, "limit-exceeded": LimitExceededError,
    "missing-signal": MissingSignalError, "input-output": InputOutputError, "output-closed": InputOutputError,
    "cancelled": CancelledError,
}


def from_json(text: str) -> TokenReelError:
    """The exception for an error as the library tells it."""
    told = json.loads(text)
    kind = _KINDS.get(told["code"], TokenReelError)
    return kind(**{name: told.get(name) for name in ("message", "code", "subject", "found", "allowed", "remedy")})
