"""The JSON Schema of the review's JSON form, draft 2020-12, as `sopskit review-diff --json-schema` prints it."""

from __future__ import annotations

FILE = "review.schema.json"


def load() -> str:
    """The schema's text. Strings that came out of the reviewed repository are marked `"x-untrusted": true`."""
    from importlib.resources import files

    return (files("sopskit.review.render") / FILE).read_text("utf-8")
