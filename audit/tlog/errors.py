"""The two ways in which log data can be refused; hostile bytes raise nothing else."""


class TlogError(ValueError):
    """Data of a transparency log was refused."""


class MalformedError(TlogError):
    """The data does not have the form that its standard prescribes."""


class VerificationError(TlogError):
    """The data is well formed and proves nothing, or something else.

    `index` is the first entry and `path` the first file that do not fit, where one
    of them can be named.
    """

    def __init__(
        self, sentence: str, *, index: int | None = None, path: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.index = index
        self.path = path
