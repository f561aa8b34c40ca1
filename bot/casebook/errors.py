"""What can go wrong with the casebook."""

from __future__ import annotations


class CasebookError(Exception):
    """The casebook cannot be used; the message is one sentence for the operator."""


class CaseError(CasebookError):
    """A case does not allow what was asked; `code` names why, `detail` holds names only, never what a citizen wrote.

    Codes: unknown_reference, wrong_state, unknown_field, too_long, incomplete, not_allowed, bad_value.
    """

    def __init__(self, code: str, *detail: str) -> None:
        super().__init__(": ".join([code, ", ".join(detail)]) if detail else code)
        self.code = code
        self.detail = detail
