"""Every message a user can meet, with a code to search for.

A message names the value that is wrong and the fix. Codes: CM1xx data, CM2xx resources,
CM3xx models, CM4xx pipeline, CM5xx command line. Released codes keep their meaning.
"""

from typing import Any


class CmnerError(ValueError):
    """A problem that the user can mend: the message says what and how."""


class CmnerWarning(UserWarning):
    """Something was handled, but not as the user may expect."""


class Message:
    """A message template that carries the name it is assigned to as its code."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.code = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.code = name

    def format(self, **values: Any) -> str:
        return f"[{self.code}] {self.template.format(**values)}"

    def error(self, **values: Any) -> CmnerError:
        return CmnerError(self.format(**values))


class Messages:
    # CM1xx: data and converters

    # CM2xx: resources

    # CM3xx: models

    # CM4xx: pipeline

    # CM5xx: command line
    pass
