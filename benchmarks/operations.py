"""What happens to a GitOps repository: every operation that a review tells apart, and what no program does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks import samples
from benchmarks.fastimport import Blob
from benchmarks.gitops import ENVIRONMENTS, STEP, GitOps, SecretFile, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOT_UTF8 = b"k8s/gitops/dev/caf\xe9/secrets.yaml"


def next_steps(world: GitOps) -> list[Step]:
    """What happens next: one commit, or the three of a merge."""
    world.sealer.now += STEP
    while True:
        happen = world.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        done = happen(world)
        if isinstance(done, Step):
            return [done]
        if done:
            return done


# --- what sops's commands do


def edit(world: GitOps) -> Step | None:
    """`set` of one to three values."""
    file = world.pick()
    if file is None:
        return None
    data = file.data
    leaves = world.sealer.secrets(file.path, data)
    for leaf in world.dice.sample(leaves, min(len(leaves), world.dice.randint(1, 3))):
        data = world.sealer.set(file.path, data, leaf.path, world.value())
    return Step("edit", file.write(data))


def add_a_key(world: GitOps) -> Step | None:
    """`set` of a new key."""
    file = world.pick(lambda file: file.suffix == "yaml")
    if file is None:
        return None
    key = ("stringData", f"EXTRA_{world.dice.randint(0, 99)}")
    return Step("edit", file.write(world.sealer.set(file.path, file.data, key, world.value())))


def remove_a_key(world: GitOps) -> Step | None:
    """`unset`."""
    file = world.pick(lambda file: file.suffix in {"yaml", "json", "env"})
    leaves = world.sealer.secrets(file.path, file.data) if file else []
    if file is None or len(leaves) < 3:
        return None
    return Step("edit", file.write(world.sealer.unset(file.path, file.data, world.dice.choice(leaves).path)))


def updatekeys(world: GitOps) -> Step | None:
    """Somebody comes or goes."""
    file = world.pick()
    if file is None:
        return None
    alice, *others = (person.recipient for person in world.people.values())
    chosen = world.dice.choice([[alice], [alice, others[0]], [alice, others[1]], [alice, *others]])
    if chosen == file.recipients:
        return None
    file.recipients = chosen
    return Step("updatekeys", file.write(world.sealer.update_keys(file.path, file.data, chosen)))


def rotate(world: GitOps) -> Step | None:
    """A new data key over unchanged values."""
    file = world.pick()
    return Step("rotate", file.write(world.sealer.rotate(file.path, file.data))) if file else None


def reencrypt(world: GitOps) -> Step | None:
    """Decrypted and encrypted again."""
    file = world.pick()
    if file is None:
        return None
    text = world.sealer.plaintext(file.path, file.data)
    return Step("reencrypt", file.write(world.sealer.seal(file.path, text, file.recipients)))


def decrypt(world: GitOps) -> Step | None:
    """The mistake."""
    file = world.pick()
    if file is None:
        return None
    step = Step("decrypt", file.write(world.sealer.plaintext(file.path, file.data)))
    file.plain = True
    return step


def encrypt(world: GitOps) -> Step | None:
    """The mistake, mended."""
    file = next((file for file in world.files if file.plain), None)
    if file is None:
        return None
    step = Step("encrypt", file.write(world.sealer.seal(file.path, file.data, file.recipients)))
    file.plain = False
    return step


# --- what Git does


def revert(world: GitOps) -> Step | None:
    """An older content comes back."""
    file = world.pick(lambda file: bool(file.past))
    older = [data for data in file.past if data != file.data] if file else []
    if file is None or not older:
        return None
    return Step("revert", file.write(world.dice.choice(older)))


def copy(world: GitOps) -> Step | None:
    """A file of another service serves as the template."""
    file = world.pick()
    if file is None or len(world.files) > world.size:
        return None
    other = SecretFile(world.new_path(file.suffix), file.data, file.recipients)
    world.files.append(other)
    return Step("copy", {other.path.encode(): Blob(other.data)})


def delete(world: GitOps) -> Step | None:
    """A service is gone."""
    file = world.pick()
    if file is None or len(world.files) < world.size:
        return None
    world.files.remove(file)
    return Step("delete", {file.path.encode(): None})


def rename(world: GitOps) -> Step | None:
    """A service has another name."""
    file = world.pick()
    if file is None:
        return None
    old, file.path, file.past = file.path, world.new_path(file.suffix), []
    return Step("rename", {old.encode(): None, file.path.encode(): Blob(file.data)})


def merge(world: GitOps) -> list[Step]:
    """Two branches change two values of a file, and Git puts the lines together: the MAC is that of one."""
    file = world.pick(lambda file: file.suffix == "yaml")
    leaves = world.sealer.secrets(file.path, file.data) if file else []
    if file is None or len(leaves) < 2:
        return []
    first, second = world.dice.sample(leaves, 2)
    ours = world.sealer.set(file.path, file.data, first.path, world.value())
    world.sealer.now += STEP
    theirs = world.sealer.set(file.path, file.data, second.path, world.value())
    line = _line(theirs, second.key)
    merged = ours.replace(_line(ours, second.key), line)
    name = file.path.encode()
    file.write(ours)
    file.write(merged)
    file.sound = False
    return [
        Step("edit", {name: Blob(ours)}),
        Step("edit", {name: Blob(theirs)}),
        Step("merge", {name: Blob(merged)}, (1, 2)),
    ]


def chmod(world: GitOps) -> Step | None:
    """Another mode, nothing else."""
    file = world.pick()
    mode = world.dice.choice((0o100755, 0o100644))
    return Step("unchanged", {file.path.encode(): Blob(file.data, mode)}) if file else None


# --- what hands and programs do


def edit_by_hand(world: GitOps) -> Step | None:
    """A cleartext value changes without sops."""
    file = world.pick(lambda file: file.suffix == "yaml" and b"namespace: shop" in file.data)
    if file is None:
        return None
    step = Step(
        "hand-edit",
        file.write(file.data.replace(b"namespace: shop", b"namespace: shop-%d" % world.dice.randint(1, 10**6))),
    )
    file.sound = False
    return step


def reformat(world: GitOps) -> Step | None:
    """Another layout."""
    file = world.pick(lambda file: file.suffix in {"yaml", "json"})
    if file is None:
        return None
    if file.suffix == "json":
        return Step(
            "format-only", file.write(json.dumps(json.loads(file.data), indent=world.dice.randint(1, 8)).encode())
        )
    wide = b"kind:  Secret" in file.data
    pair = (b"kind:  Secret", b"kind: Secret") if wide else (b"kind: Secret", b"kind:  Secret")
    return Step("format-only", file.write(file.data.replace(*pair)))


def edit_plain(world: GitOps) -> Step:
    """A ConfigMap."""
    path = f"k8s/gitops/{world.dice.choice(ENVIRONMENTS)}/{world.dice.choice(samples.NAMES)}/configmap.yaml"
    return Step("plain-edit", {path.encode(): Blob(_config_map(world.dice.randint(1, 10**6)))})


def damage(world: GitOps) -> Step | None:
    """What no program writes: cut off, in conflict, garbage in tokens, bytes that are no text, a link."""
    file = world.pick()
    if file is None:
        return None
    data, middle = file.data, len(file.data) // 2
    if world.dice.random() < 0.1:
        file.write(b"")
        file.sound = False
        return Step("damage", {file.path.encode(): Blob(b"../other/secrets.yaml", 0o120000)})
    broken = world.dice.choice(
        (
            data[:middle],
            b"<<<<<<< HEAD\n" + data + b"=======\n" + data + b">>>>>>> other\n",
            data.replace(b"data:", b"data:!", 2),
            data[:middle] + b"\xff\x00" + data[middle:],
            data.replace(b",iv:", b",iv:AAAA"),
            data.replace(b"type:str", b"type:bytes"),
        )
    )
    step = Step("damage", file.write(broken))
    file.sound = False
    return step


def mend(world: GitOps) -> Step | None:
    """The last sound content comes back."""
    file = next((file for file in world.files if not file.sound), None)
    if file is None:
        return None
    step = Step("mend", file.write(file.past[-1]))
    file.sound = True
    return step


def strange_name(world: GitOps) -> Step:
    """A file whose name is no UTF-8."""
    recipients = [world.people["alice"].recipient]
    return Step("strange name", {NOT_UTF8: Blob(world.sealer.seal("a.yaml", world.text("yaml"), recipients))})


def _line(text: bytes, key: str | int) -> bytes:
    return next(line for line in text.split(b"\n") if line.strip().startswith(f"{key}:".encode()))


def _config_map(number: int) -> bytes:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  LIMIT: '{number}'\n".encode()


# how often each happens
WEIGHTS: Mapping[Callable[[GitOps], Step | list[Step] | None], int] = {
    edit: 34, add_a_key: 6, remove_a_key: 4, updatekeys: 8, rotate: 8, reencrypt: 5, revert: 6, edit_by_hand: 5, copy: 3,
    GitOps.create: 5, delete: 3, rename: 4, merge: 3, reformat: 4, decrypt: 3, encrypt: 3, edit_plain: 8, damage: 1, mend: 9,
    chmod: 1, strange_name: 1,
}  # fmt: skip
