"""The one tree of errors.

Invalid input is not an exception in the hot path: it is a value, `streams.codecs.InvalidAction`, that ends in the
dead-letter topic. What is raised from here is a mistake of an operator (`SettingsError`, `PolicyError`) or a bug of
ours (`CorruptStateError`), and it stops what it concerns.
"""


class LoyaltyError(Exception):
    """Root of every error that Tierstream raises. The message says what, where and the cure."""


class PolicyError(LoyaltyError):
    """A policy file cannot be used. Carries every problem found, each with its path in the file.

    Example:
        >>> print(PolicyError("retail.toml", ["points.expiry.after_days: must be at least 1, got 0"]))
        retail.toml: 1 problem
          points.expiry.after_days: must be at least 1, got 0
    """

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__("\n".join([f"{source}: {len(problems)} {noun}", *(f"  {problem}" for problem in problems)]))


class SettingsError(LoyaltyError):
    """A setting is missing, misspelt or out of range."""


class CorruptStateError(LoyaltyError):
    """A stored row cannot be what this code wrote; the partition stops rather than guess."""


class ContractError(LoyaltyError):
    """A record of our own (control, effect, example) breaks a promise, such as gapless numbering."""


class BrokerError(LoyaltyError):
    """A broker cannot be started or reached, or does not hold what it should; the process that needs it ends."""


class HistoryError(LoyaltyError):
    """A data set or history file cannot be read or written."""
