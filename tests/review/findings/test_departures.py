"""RCP01 and RCP02: who left, and what they know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.age import parse_identity
from sopskit.config.sopskit_yaml import Name
from sopskit.sops.masterkeys import FixedKeyring
from tests.review.findings.readers import ASKED, BASE, CLUSTER, WITH_BOB, WITHOUT_CLUSTER, found, named, state
from tests.review.states import fixture

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

KEYS = "data.token, stringData.DB_PASSWORD, stringData.DB_HOST, stringData.DB_PIN"


def test_a_removed_recipient_knows_the_data_key_until_it_is_rotated() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP01")
    assert (finding.severity, finding.args) == ("medium", {"recipient": CLUSTER})
    assert "rotate" in finding.remedy
    rotated = fixture("rotate-removed", "base"), fixture("rotate-removed")
    assert found(state(rotated[0]), state(rotated[1]), "RCP01") == []
    assert found(state(BASE), state(WITH_BOB), "RCP01") == []


def test_a_recipient_is_told_by_its_name() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP01", named(Name("flux", (CLUSTER,))))
    assert finding.args == {"recipient": f"flux ({CLUSTER})"}


def test_values_that_a_removed_recipient_knows_are_named() -> None:
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP02")
    assert finding.args == {"recipient": CLUSTER, "count": 4, "keys": KEYS}
    assert (finding.severity, "are still the old ones" in finding.message) == ("medium", True)


def test_through_a_rotation_they_only_look_like_the_old_ones() -> None:
    (finding,) = found(state(fixture("rotate-removed", "base")), state(fixture("rotate-removed")), "RCP02")
    assert finding.args == {"recipient": CLUSTER, "count": 4, "keys": KEYS}
    assert "look like the old ones" in finding.message


def test_a_new_value_is_none_that_a_removed_recipient_knows(sops: Sops, alice: AgeTestKey) -> None:
    (sops.folder / "file.yaml").write_bytes(BASE)
    for key in ('["data"]["token"]', *(f'["stringData"]["DB_{name}"]' for name in ("PASSWORD", "HOST", "PIN"))):
        sops("set", "file.yaml", key, '"canary-new"')
    sops("rotate", "--in-place", "--rm-age", CLUSTER, "file.yaml")
    keyed = ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)), trusted=True)
    assert found(state(BASE), state(sops.bytes()), "RCP02", keyed) == []


def test_after_a_reencryption_only_a_key_tells_which_are_the_old_ones(sops: Sops, alice: AgeTestKey) -> None:
    (sops.folder / "file.yaml").write_bytes(BASE)
    sops("decrypt", "--in-place", "file.yaml")
    text = (sops.folder / "file.yaml").read_text().replace("first-canary", "second-canary")
    head = sops.encrypted(text, "--encrypted-regex", "^(data|stringData)$")
    (finding,) = found(state(BASE), state(head), "RCP02")
    assert (finding.args, "only a private key tells" in finding.message) == ({"recipient": CLUSTER}, True)
    keyed = ASKED._replace(keyring=FixedKeyring((parse_identity(alice.identity),)), trusted=True)
    (finding,) = found(state(BASE), state(head), "RCP02", keyed)
    assert finding.args["keys"] == "data.token, stringData.DB_HOST, stringData.DB_PIN"


def test_who_left_earlier_is_remembered(sops: Sops) -> None:
    (sops.folder / "file.yaml").write_bytes(WITHOUT_CLUSTER)
    sops("set", "file.yaml", '["stringData"]["DB_PASSWORD"]', '"canary-new"')
    asked = ASKED._replace(older=[state(BASE)])
    (finding,) = found(state(WITHOUT_CLUSTER), state(sops.bytes()), "RCP02", asked)
    assert finding.severity == "low"
    assert finding.args == {
        "recipient": CLUSTER,
        "count": 3,
        "keys": "data.token, stringData.DB_HOST, stringData.DB_PIN",
    }
    assert found(state(WITHOUT_CLUSTER), state(sops.bytes()), "RCP02") == []
