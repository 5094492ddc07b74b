"""A GitOps repository and its SOPS files, of all five formats. What happens to them is in `operations`."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import samples
from benchmarks.fastimport import Blob
from benchmarks.sealed import Person, Sealer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Files: TypeAlias = Mapping[bytes, Blob | None]

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=17)
ENVIRONMENTS = ("dev", "qa", "prod")
PEOPLE = ("alice", "bob", "cluster")
# how often a kind of file is made
SUFFIXES = ("yaml",) * 12 + ("json", "json", "env", "ini", "txt")
RULES = "creation_rules:\n{rules}"
TEAM = """version: 1
environments:
  - name: prod
    paths: ["k8s/gitops/prod/**"]
    protected: true
names:
{names}"""


class Step(NamedTuple):
    """A commit to be made: what was done, on which parents (0: the tip; 1, 2: the commits before in the same list)."""

    operation: str
    files: Files
    parents: tuple[int, ...] = (0,)


class SecretFile:
    """A file, and what stood there before and can come back.

    It is `plain` where it is not encrypted at the moment, and not `sound` where no command of sops could open it.
    """

    def __init__(self, path: str, data: bytes, recipients: list[str]) -> None:
        """A new file."""
        self.path = path
        self.data = data
        self.recipients = recipients
        self.past: list[bytes] = []
        self.plain = False
        self.sound = True

    @property
    def suffix(self) -> str:
        """What tells its format."""
        return self.path.rpartition(".")[2]

    def write(self, data: bytes) -> Files:
        """Give it another content."""
        if self.sound and not self.plain:
            self.past = [*self.past[-9:], self.data]
        self.data = data
        return {self.path.encode(): Blob(data)}


class GitOps:
    """The state of the repository. Whatever is chosen comes from one seed."""

    def __init__(self, files: int, seed: int = 20240506) -> None:
        """Prepare a repository of `files` SOPS files."""
        self.dice = random.Random(seed)
        self.people = {name: Person.read(name) for name in PEOPLE}
        self.sealer = Sealer(list(self.people.values()), START)
        self.files: list[SecretFile] = []
        self.size = files
        self._number = 0

    def begin(self) -> Step:
        """The first commit: rules, names, and nine of ten files."""
        everybody = ",".join(person.recipient for person in self.people.values())
        rules = "".join(
            f"  - path_regex: k8s/gitops/{name}/.*\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age: {everybody}\n"
            for name in ENVIRONMENTS
        )
        rules += f"  - path_regex: k8s/\n    age: {everybody}\n"
        names = "".join(f"  - name: {name}\n    recipients: [{self.people[name].recipient}]\n" for name in PEOPLE)
        files: dict[bytes, Blob | None] = {
            b".sops.yaml": Blob(RULES.format(rules=rules).encode()),
            b".sopskit.yaml": Blob(TEAM.format(names=names).encode()),
            b"README.md": Blob(b"# Services\n"),
        }
        for _ in range(self.size * 9 // 10):
            files |= self.create().files
        return Step("create", files)

    # --- choosing

    def pick(self, wanted: Callable[[SecretFile], bool] = lambda _: True) -> SecretFile | None:
        """A file that sops could open, if one is found that is wanted."""
        for _ in range(20):
            file = self.dice.choice(self.files)
            if file.sound and not file.plain and wanted(file):
                return file
        return None

    def new_path(self, suffix: str) -> str:
        """Where a new service keeps its file."""
        self._number += 1
        environment = self.dice.choice(ENVIRONMENTS)
        name = {"yaml": "secrets", "txt": "token"}.get(suffix, "settings")
        return f"k8s/gitops/{environment}/{self.dice.choice(samples.NAMES)}-{self._number:05d}/{name}.{suffix}"

    def text(self, suffix: str) -> bytes:
        """A plain file."""
        number = self._number
        values = {name: samples.token(self.dice, 24) for name in ("API_TOKEN", "DB_PASSWORD", "SMTP_PASSWORD")}
        if suffix == "yaml":
            return samples.secret_manifest(number).encode()
        if suffix == "json":
            return json.dumps({"number": number, "values": values}, indent=2).encode()
        if suffix == "env":
            return "".join(f"{name}={value}\n" for name, value in values.items()).encode()
        if suffix == "ini":
            return ("[service]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())).encode()
        return values["API_TOKEN"].encode()

    def value(self) -> str:
        """A new password."""
        return samples.token(self.dice, 24)

    def create(self) -> Step:
        """A new file for all."""
        suffix = self.dice.choice(SUFFIXES)
        path = self.new_path(suffix)
        recipients = [person.recipient for person in self.people.values()]
        file = SecretFile(path, self.sealer.seal(path, self.text(suffix), recipients), recipients)
        self.files.append(file)
        return Step("create", {path.encode(): Blob(file.data)})
