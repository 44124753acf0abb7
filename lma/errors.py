"""The exceptions a user may meet, each with the exit code scripts can rely on.

Every message says what (the value), where (file, key, row) and what to do. Messages never carry a
value of a unit-level migration record.
"""


class LmaError(Exception):
    """Base of all errors shown to a user without a traceback."""

    exit_code = 1


class UsageError(LmaError):
    """The command was called with something that does not exist (a country, a table, an address)."""

    exit_code = 2


class DefinitionError(LmaError):
    """A YAML, SQL or codelist file of the project (or of the user) is wrong or missing."""

    exit_code = 10


class InputError(LmaError):
    """A publisher's or user's data file is missing, truncated, or not what its source declares."""

    exit_code = 11


class ContractError(LmaError):
    """A table breaks its contract: nothing is published, the last edition stays in place."""

    exit_code = 12


class ClassificationError(LmaError):
    """A code or name is not in the classification that the source declares."""

    exit_code = 13


class OutputError(LmaError):
    """The output folder cannot be written, or an edition cannot be moved into place."""

    exit_code = 14


class SourceMovedError(InputError):
    """A publisher no longer serves a table at the declared address: somebody must find the new one."""

    exit_code = 15


class LockedError(LmaError):
    """Another process holds the warehouse (EX_TEMPFAIL: try again later)."""

    exit_code = 75
