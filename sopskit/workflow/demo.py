"""demo: the first walk, in a repository of its own. It verifies what it shows, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.age import generate_x25519
from sopskit.config import sopskit_yaml
from sopskit.config.search import NAME
from sopskit.config.sops_yaml import load_config
from sopskit.deploy.build import masked
from sopskit.deploy.kustomize import find_kustomize
from sopskit.document import format_for_path
from sopskit.errors import DataKeyError, IntegrityError
from sopskit.git import open_repository
from sopskit.git.scratch import ScratchRepository
from sopskit.git.worktree import WorkTree
from sopskit.pgp import Gpg
from sopskit.review.render.terminal import render as render_review
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.sops.metadata import Metadata
from sopskit.workflow.check import check_worktree
from sopskit.workflow.decrypt import open_bytes
from sopskit.workflow.demo_files import ENCRYPTED, PLAIN, creation_rules, team_config
from sopskit.workflow.encrypt import Older, encrypt, read_plain
from sopskit.workflow.ends import choose_ends
from sopskit.workflow.render import render
from sopskit.workflow.review import review

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.age import KeyIdentity
    from sopskit.config.sops_yaml import SopsConfig
    from sopskit.review.model import Finding

SECRETS = "k8s/gitops/dev/service1/secrets.yaml"
DEV = "dev"
CONFIGMAP = "k8s/gitops/dev/service1/configmap.yaml"
CHANGED = {
    SECRETS: (b"demo-dev-db-pass-41c7", b"demo-dev-db-pass-9e02"),
    CONFIGMAP: (b"LOG_LEVEL: demo-debug-level", b"LOG_LEVEL: demo-info-level"),
}


class Keys(NamedTuple):
    """The demo's people, by their private keys."""

    cluster: KeyIdentity
    ann: KeyIdentity
    ben: KeyIdentity
    team: KeyIdentity
    stranger: KeyIdentity

    @classmethod
    def make(cls) -> Keys:
        """New keys, in memory only."""
        return cls(*(generate_x25519() for _ in cls._fields))


def run(say: Callable[[str], None], environ: Mapping[str, str]) -> None:
    """Walk through it, telling about it line by line. Raises a `SopskitError` if anything is off."""
    with tempfile.TemporaryDirectory(prefix="sopskit-demo-") as name:
        _Walk(Path(name).resolve(), say, environ).run()
    say("")
    say("Everything was verified, and the folder is gone. To start in your own repository: sopskit init")


class _Walk:
    """One run of the demo. Each step says what it does and checks it."""

    def __init__(self, folder: Path, say: Callable[[str], None], environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.say = say
        self.environ = environ
        self.keys = Keys.make()
        self.plain = dict(ENCRYPTED)
        self.gpg = Gpg(None, None)  # never started: there are only age keys here
        self.now = datetime.now(UTC)

    def run(self) -> None:
        self.repository = ScratchRepository(self.folder, self.environ)
        self._explain_keys()
        self._encrypt_all()
        self._check_keys()
        self.repository.commit("Secrets and ConfigMaps of service1, encrypted")
        self._change_on_a_branch()
        self._review()
        self._check_a_mistake()
        self._render()

    # --- the steps

    def _explain_keys(self) -> None:
        self.say(
            "A Git repository as GitOps teams have it, in a temporary folder, with new age keys in memory. Three key models:"
        )
        self.say(
            "  prod, public key only: an engineer encrypts with the cluster's public key, and only the cluster can decrypt."
        )
        self.say(
            "  qa, a key per person: ann and the cluster are recipients, each opens the file with a private key of their own."
        )
        self.say(
            "  dev, a shared development key: the team has one private key for dev in common, and the cluster has its own."
        )

    def _encrypt_all(self) -> None:
        for path, data in PLAIN.items():
            self._write(path, data)
        keys = self.keys
        self._write(NAME, creation_rules(keys.cluster, keys.ann, keys.team))
        self._write(
            sopskit_yaml.NAME,
            team_config({"cluster": keys.cluster, "ann": keys.ann, "dev-team": keys.team, "ben": keys.ben}),
        )
        config = self._config()
        for path, data in self.plain.items():
            self._write(path, self._encrypted(path, data, config))
        self.say("")
        self.say(
            f"Encrypted {len(self.plain)} files by the rules of .sops.yaml: the values under data, nothing else. Committed."
        )

    def _check_keys(self) -> None:
        keys = self.keys
        openers = {"dev": (keys.team, keys.cluster), "qa": (keys.ann, keys.cluster), "prod": (keys.cluster,)}
        for path, data in self.plain.items():
            environment = next(name for name in openers if name in path)
            for identity in openers[environment]:
                _expect(self._decrypted(path, identity) == data, f"{path} does not come back byte for byte")
            for identity in {keys.ann, keys.stranger, keys.ben} - set(openers[environment]):
                _expect(not self._opens(path, identity), f"{path} opens with a key that is no recipient's")
        _expect(not self._survives_tampering(SECRETS), "a changed value was not noticed")
        self.say("Checked: every file decrypts to its exact bytes, with the engineer's key and with the cluster's;")
        self.say("a key that is no recipient's opens nothing, and a single changed character is refused.")

    def _change_on_a_branch(self) -> None:
        self.repository.branch("rotate-db")
        cluster, ann, team = self.keys.cluster, self.keys.ann, self.keys.team
        self._write(NAME, creation_rules(cluster, ann, team, newcomer=self.keys.ben))
        for path in self.plain:
            if DEV in path:
                old, new = CHANGED.get(path, (b"", b""))
                self._change(path, self.plain[path].replace(old, new), self._config())
        self.repository.commit("Change the database password and the log level, add ben")
        _expect(self._opens(SECRETS, self.keys.ben), "the new recipient cannot open the file")
        self.say("")
        self.say("On a branch: a new database password, a new log level, and ben becomes a recipient of the dev files.")
        self.say("Values that did not change kept their ciphertext, so a Git diff shows two values.")

    def _review(self) -> None:
        repository = open_repository(self.folder)
        if repository is None:
            raise IntegrityError("the demo's repository is gone")
        with repository:
            result = review(repository, choose_ends(repository, ["main...rotate-db"], self.folder))
        changes = {(file.path, change.path) for file in result.files for change in file.changes if file.encrypted.head}
        recipients = {(one.change, one.recipient.name) for file in result.files for one in file.recipient_changes}
        _expect(
            changes == {(SECRETS, ("stringData", "DB_PASSWORD")), (CONFIGMAP, ("data", "LOG_LEVEL"))},
            "review-diff: values",
        )
        _expect(recipients == {("added", "ben")}, "review-diff: recipients")
        _expect({finding.id for finding in result.findings} >= {"RCP11", "SUP01"}, "review-diff: findings")
        _expect(result.verdict == "clean", "review-diff: verdict")
        self._show("$ sopskit review-diff main...rotate-db     (no private key is used)", render_review(result))

    def _check_a_mistake(self) -> None:
        path = SECRETS.replace(DEV, "prod")
        encrypted = (self.folder / path).read_bytes()
        self._write(path, self.plain[path])
        repository = open_repository(self.folder)
        if repository is None:
            raise IntegrityError("the demo's repository is gone")
        with repository:
            result = check_worktree(repository, WorkTree(repository.root, self.environ))
        _expect(result.exit_code == 1, "check: verdict")
        _expect({one.path for one in result.findings if one.severity == "block"} == {path}, "check: findings")
        self.say("")
        self.say("A slip: a file of prod is saved in plain text. Before the commit, and in CI:")
        self._show("$ sopskit check", "\n".join(map(_line, result.findings)))
        self._write(path, encrypted)

    def _render(self) -> None:
        folder = self.folder / "k8s/gitops/dev"
        command = "$ sopskit render k8s/gitops/dev"
        if find_kustomize(self.environ.get("PATH", "")) is None:
            self.say("")
            self.say(
                "kustomize is not installed, so its files are left out and the manifests follow each other as they are."
            )
            for path in folder.rglob("kustomization.yaml"):
                path.unlink()
        rendered = render(folder, FixedKeyring((self.keys.team,)), self.environ)
        for value in _values(self.plain, "gitops/dev"):
            _expect(value in rendered.stream, "render: a value is missing")
        _expect(b"kind: HelmRelease" in rendered.stream, "render: the HelmRelease is missing")
        self._show(f"{command} | kubectl apply -f -     (here for the screen: masked)", masked(rendered))

    # --- the means

    def _write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def _config(self) -> SopsConfig:
        return load_config(self.folder / NAME)

    def _encrypted(self, path: str, plain: bytes, config: SopsConfig, older: Older | None = None) -> bytes:
        rule = config.rule_for(str(self.folder / path))
        if rule is None:
            raise IntegrityError("the demo found no creation rule").at(file=path)
        metadata = Metadata(rule.groups, selection=rule.selection)
        document = read_plain(plain, format_for_path(path))
        return encrypt(document, metadata, gpg=self.gpg, now=self.now, older=older)

    def _change(self, path: str, plain: bytes, config: SopsConfig | None) -> None:
        """Encrypt a new version over the old one; without a `config`, for the same recipients."""
        format = format_for_path(path)
        opened = open_bytes((self.folder / path).read_bytes(), format, FixedKeyring((self.keys.team,)))
        if config is None:
            metadata = opened.file.metadata
            data = encrypt(read_plain(plain, format), metadata, gpg=self.gpg, now=self.now, older=Older(opened, True))
        else:
            data = self._encrypted(path, plain, config, Older(opened, trusted=True))
        self._write(path, data)
        self.plain[path] = plain
        _expect(self._decrypted(path, self.keys.cluster) == plain, f"{path} does not come back byte for byte")

    def _decrypted(self, path: str, identity: KeyIdentity) -> bytes:
        data = (self.folder / path).read_bytes()
        return open_bytes(data, format_for_path(path), FixedKeyring((identity,))).plain.to_bytes()

    def _opens(self, path: str, identity: KeyIdentity) -> bool:
        try:
            self._decrypted(path, identity)
        except DataKeyError:
            return False
        return True

    def _survives_tampering(self, path: str) -> bool:
        """Whether a file opens in which one character of a ciphertext was changed."""
        data = (self.folder / path).read_bytes()
        place = data.index(b"data:", data.index(b"DB_USER:")) + len(b"data:")
        other = b"B" if data[place : place + 1] == b"A" else b"A"
        try:
            open_bytes(
                data[:place] + other + data[place + 1 :], format_for_path(path), FixedKeyring((self.keys.cluster,))
            )
        except IntegrityError:
            return False
        return True

    def _show(self, command: str, output: str) -> None:
        """Show a command's output, unless a value is in it."""
        for value in _values(self.plain, "") | _values(ENCRYPTED, ""):
            _expect(value not in output.encode(), "a value would have been shown")
        self.say("")
        self.say(command)
        for line in output.splitlines():
            self.say(f"  {line}")


def _values(files: Mapping[str, bytes], part: str) -> set[bytes]:
    """The values of the demo's files whose path has `part`: they are the words that start with `demo-`."""
    words = {word.strip(b"\"'") for path, data in files.items() if part in path for word in data.split()}
    return {word for word in words if word.startswith(b"demo-")}


def _line(finding: Finding) -> str:
    place = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
    return f"{place}: {finding.id} {finding.title}"


def _expect(right: bool, what: str) -> None:
    if not right:
        raise IntegrityError(f"the demo found that something is off: {what}", hint="please report it")
