"""The table of readers by files: its cells, its groups, its width."""

from __future__ import annotations

import re

import pytest

from sopskit.cli.matrix import Matrix, build, for_terminal, plain
from sopskit.workflow.recipients import Inventory, ReadBy, Reader, labels

ANN, BOB = Reader("age", "age1ann", "ann"), Reader("age", "age1bob", "bob")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def inventory(files: dict[str, tuple[Reader, ...]]) -> Inventory:
    return Inventory(tuple(ReadBy(path, (readers,), 1) for path, readers in files.items()), ())


def matrix(found: Inventory, *, every_file: bool = False, most: int = 40) -> Matrix:
    return build(found, labels(found.readers), every_file=every_file, most=most)


def terminal(found: Inventory, width: int, *, colour: bool = False) -> str:
    return for_terminal(lambda most: matrix(found, most=most), width, colour=colour)


def many(count: int, readers: int = 2) -> Inventory:
    people = [Reader("age", f"age1{number}", f"person-{number}") for number in range(readers)]
    return inventory(
        {
            f"k8s/gitops/{('dev', 'qa', 'prod')[number % 3]}/team{number % 7}/service-{number}/secrets.yaml": tuple(
                person for index, person in enumerate(people) if (number + index) % 3 or index == 0
            )
            for number in range(count)
        }
    )


def test_a_few_files_have_a_row_each() -> None:
    found = inventory({"dev/s.yaml": (ANN, BOB), "prod/s.yaml": (BOB,)})
    assert plain(matrix(found)) == "             ann  bob\ndev/s.yaml   x    x\nprod/s.yaml  -    x\n"


def test_the_keys_of_one_person_are_one_column() -> None:
    found = inventory({"a": (ANN,), "b": (Reader("pgp", "FBC7", "ann"),)})
    assert plain(matrix(found)) == "   ann\na  x\nb  x\n"


def test_many_files_are_grouped_by_folder() -> None:
    files = {f"{name}/{number}/s.yaml": (ANN, BOB)[number % 2 :] for name in ("a", "b") for number in range(20)}
    assert plain(matrix(inventory({**files, "s.yaml": (ANN,)}), most=3)) == (
        "         ann    bob\na/ (20)  10/20  x\nb/ (20)  10/20  x\n./ (1)   x      -\n"
    )


def test_every_file_has_a_row_where_that_is_wanted() -> None:
    assert len(matrix(many(100), every_file=True).rows) == 100


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("readers", [1, 3, 9, 30])
def test_500_files_fit_a_terminal(width: int, readers: int) -> None:
    lines = terminal(many(500, readers), width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 80


def test_long_names_become_numbers_with_a_legend() -> None:
    people = tuple(Reader("age", str(number), f"a-name-that-is-rather-long-{number}") for number in range(8))
    text = terminal(inventory({"s.yaml": people}), 80)
    assert text.splitlines()[0].split() == [str(number) for number in range(1, 9)]
    assert "   3  a-name-that-is-rather-long-2\n" in text


def test_many_readers_become_rows() -> None:
    lines = terminal(many(500, 60), 80).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["person-0", "person-1", "person-10"]


def test_a_long_path_loses_its_middle() -> None:
    path = f"k8s/{'x' * 80}/secrets.yaml"
    assert "k8s/xxx" in terminal(inventory({path: (ANN,)}), 50)
    assert "xxx/secrets.yaml" in terminal(inventory({path: (ANN,)}), 50)


def test_colours_change_no_character() -> None:
    found = many(40)
    assert "\x1b[" not in terminal(found, 80)
    assert ESCAPE.sub("", terminal(found, 80, colour=True)).split() == terminal(found, 80).split()


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "[red]x[/red]", ":smile:", "\u202eabc", "a\udcffb"])
def test_hostile_names_are_only_drawn(text: str) -> None:
    found = inventory({f"{text}/s.yaml": (Reader("age", "k", text),)})
    for shown in (plain(matrix(found)), terminal(found, 120)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert len(shown.splitlines()) <= 3
        if text.isprintable():  # what starts with a colon might speak to a CI runner
            assert shown.count(text.removeprefix(":")) == 2
