"""Properties over texts of every kind."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import DEFAULT_LIMITS, Comment, Leaf
from sopskit.document.yaml.verify import splice
from sopskit.errors import SopskitError
from tests.document.yaml.fakes import YAML, read, round_trip, seal, unseal, values
from tests.document.yaml.texts import FRAGMENTS, Writer

SEEDS = st.integers(0, 2**32)


def hostile(seed: int) -> str | None:
    text = Writer(Random(seed), hostile=True).text()
    try:
        read(text)
    except SopskitError:
        return None
    return text


@given(SEEDS)
def test_tame_texts_come_back_byte_for_byte(seed: int) -> None:
    text = Writer(Random(seed), exact=True).text()
    assert round_trip(text).replace("|-", "|").replace("|+", "|") == text.replace("|-", "|").replace("|+", "|")


@given(SEEDS, st.booleans())
def test_values_come_back_from_any_text(seed: int, all_of_them: bool) -> None:
    text = hostile(seed)
    if text is not None:
        chosen = Random(seed)
        sealed = seal(text, lambda _: all_of_them or chosen.random() < 0.5)
        assert values(unseal(sealed.text, sealed.plain)) == values(read(text))


@given(SEEDS)
def test_identity_edits_change_nothing(seed: int) -> None:
    text = hostile(seed)
    if text is not None:
        items = read(text).items
        # a comment may stand inside the span of a block or of a value with a tag
        simple = [
            item for item in items if isinstance(item, Comment) or (item.extra is None and item.style not in {"|", ">"})
        ]
        spans = {(item.start, item.end) for item in simple}
        assert splice(text, [(start, end, text[start:end]) for start, end in spans]) == text
        for item in items:
            if isinstance(item, Comment):
                assert text[item.start : item.end] == item.value
                assert text[item.marker] == "#"
            elif not item.style and item.extra is None and "\n" not in text[item.start : item.end]:
                assert text[item.start : item.end] == item.value


@given(SEEDS)
def test_only_spans_change(seed: int) -> None:
    text = hostile(seed)
    if text is None or "*" in text:
        return
    document = read(text)
    if len(document.roots) > 1 or "!!int" in text:
        return
    sealed = seal(text, lambda item: isinstance(item, Leaf)).text
    position = 0
    for item in sorted(document.leaves(), key=lambda leaf: leaf.start):
        kept = text[position : item.start]
        if item.start >= position and position:
            assert kept in sealed
        position = max(position, item.end)


@given(SEEDS, st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3), st.sampled_from(FRAGMENTS)), max_size=5))
def test_damaged_texts_raise_only_our_errors_and_keep_their_values(
    seed: int, damage: list[tuple[int, int, str]]
) -> None:
    text = Writer(Random(seed), hostile=True).text()[:600]
    for place, length, fragment in damage:
        text = text[:place] + fragment + text[place + length :]
    try:
        document = YAML.parse(text.encode(), encrypted=False, limits=DEFAULT_LIMITS)
        sealed = seal(text)
    except SopskitError:
        return
    assert document.to_bytes() == text.encode()
    assert values(unseal(sealed.text, sealed.plain)) == values(document)


@given(st.binary(max_size=40))
def test_any_bytes_raise_only_our_errors(source: bytes) -> None:
    try:
        assert YAML.parse(source, encrypted=True, limits=DEFAULT_LIMITS).to_bytes() == source
    except SopskitError as error:
        assert error.__cause__ is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_texts(seed: int) -> None:
    for number in range(50):
        text = hostile(seed * 1000 + number)
        if text is not None:
            sealed = seal(text)
            assert values(unseal(sealed.text, sealed.plain)) == values(read(text))
