"""What updatekeys would change, and that it changes nothing else."""

from __future__ import annotations

from sopskit.sops.masterkeys import AgeKey
from sopskit.sops.metadata import Metadata
from sopskit.workflow.updatekeys import GroupChange, KeyChange, compare, threshold_for

A, B, C = AgeKey("a"), AgeKey("b"), AgeKey("c")


def test_the_order_within_a_group_does_not_count() -> None:
    assert compare(Metadata(((A, B),)), ((B, A),), 0).is_empty


def test_keys_stay_come_and_leave() -> None:
    change = compare(Metadata(((A, B),)), ((C, B),), 0)
    assert change == KeyChange((GroupChange(("b",), ("c",), ("a",)),), 0, 0)
    assert not change.is_empty


def test_groups_come_and_leave_whole() -> None:
    assert compare(Metadata(((A,),)), ((A,), (B,)), 0).groups[1] == GroupChange((), ("b",), ())
    assert compare(Metadata(((A,), (B,)), 2), ((A,),), 0).groups[1] == GroupChange((), (), ("b",))


def test_the_threshold_is_the_rules_else_the_files_cut_to_the_groups() -> None:
    assert threshold_for(Metadata(((A,),)), 3, 2) == 2
    assert threshold_for(Metadata(((A,),)), 3, 0) == 3
    assert threshold_for(Metadata(((A,), (B,), (C,)), 3), 2, 0) == 2
    assert threshold_for(Metadata(((A,), (B,)), 2), 1, 0) == 0


def test_a_changed_threshold_alone_is_a_change() -> None:
    assert not compare(Metadata(((A,), (B,), (C,)), 3), ((A,), (B,), (C,)), 2).is_empty
