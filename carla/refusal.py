"""Why something is not done."""


class Refusal(Exception):
    """`kind`: one word for programs; the text: a sentence that says what was expected, what came and what to do."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind
