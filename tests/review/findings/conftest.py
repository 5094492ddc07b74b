"""What tests of policies share with the other tests of reviews."""

from __future__ import annotations

from tests.review.reviewing import Reviewer, ids

__all__ = ["Reviewer", "ids"]
