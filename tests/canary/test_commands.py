"""Every command, in success and in failure: no secret is anywhere but where the user asked for it.

Each story runs one command line as a process under strace in a Git repository full of canaries, and then
looks at standard output and error, at every program started, every byte written and every name made, at all files
left in the home, temporary, runtime and repository folders, and at all objects of Git.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.canaries import Canary, Scanner, plant
from tests.canary.observing import MEMORY, Sinks, leaks_in_folders, leaks_in_git, observe
from tests.conftest import ROOT, read_age_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.canary.observing import Observation
    from tests.conftest import AgeTestKey, World

RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.cli.main import main; sys.exit(main())"
DEBUGGING = {"SOPSKIT_DEBUG": "1", "PYTHONFAULTHANDLER": "1", "PYTHONDEVMODE": "1"}
BOB = {"SOPS_AGE_KEY_FILE": str(read_age_key("bob").path)}
NO_KEY = {"SOPS_AGE_KEY_FILE": "/nonexistent/keys.txt"}
STDOUT = Sinks(stdout=True)
IN_MEMORY = Sinks(memory=True)


PLAIN = ("plain.yaml", "plain-secret.yaml", "broken.yaml", "half-sealed.yaml")


class Story(NamedTuple):
    """One command line. `fails` tells whether its exit code is not 0; `plain` names files that hold plaintext all along."""

    name: str
    argv: tuple[str, ...]
    sinks: Sinks = Sinks()
    fails: bool = False
    environ: Mapping[str, str] = {}
    stdin: str = ""  # the slot of the canary that is handed in as JSON
    plain: tuple[str, ...] = PLAIN


STORIES = (
    Story("encrypt to standard output", ("encrypt", "plain.yaml")),
    Story("encrypt in place", ("encrypt", "-i", "plain.yaml"), plain=PLAIN[1:]),
    Story("encrypt for a recipient that is none", ("encrypt", "--age", "age1nobody", "plain.yaml"), fails=True),
    Story("encrypt a broken file", ("encrypt", "broken.yaml"), fails=True),
    Story("encrypt a broken file in place", ("encrypt", "-i", "broken.yaml"), fails=True),
    Story("encrypt what is encrypted", ("encrypt", "sealed.yaml"), fails=True),
    Story("decrypt", ("decrypt", "sealed.yaml"), STDOUT),
    Story("decrypt one value", ("decrypt", "--extract", '["stringData"]["string"]', "sealed.yaml"), STDOUT),
    Story("decrypt a value that is not there", ("decrypt", "--extract", '["nowhere"]', "sealed.yaml"), fails=True),
    Story("decrypt in place", ("decrypt", "-i", "sealed.yaml"), Sinks(paths=("{repo}",)), plain=(*PLAIN, "sealed.yaml")),
    Story("decrypt with another key", ("decrypt", "sealed.yaml"), fails=True, environ=BOB),
    Story("decrypt without a key", ("decrypt", "sealed.yaml"), fails=True, environ=NO_KEY),
    Story("decrypt with a wrong MAC", ("decrypt", "wrong-mac.yaml"), fails=True),
    Story("decrypt a broken token", ("decrypt", "wrong-token.yaml"), fails=True),
    Story("decrypt what stands in the clear", ("decrypt", "half-sealed.yaml"), fails=True),
    Story("decrypt a broken file", ("decrypt", "broken.yaml"), fails=True),
    Story("set from standard input", ("set", "--value-stdin", "sealed.yaml", '["stringData"]["string"]'), stdin="new value"),
    Story("set with another key", ("set", "--value-stdin", "sealed.yaml", '["stringData"]["string"]'), fails=True, environ=BOB, stdin="new value"),
    Story("set what is not JSON", ("set", "--value-stdin", "sealed.yaml", '["stringData"]["string"]'), fails=True, stdin="not JSON"),
    Story("set on a path through a value", ("set", "--value-stdin", "sealed.yaml", '["stringData"]["string"]["below"][0]'), stdin="new value"),
    Story("set with a wrong MAC", ("set", "--value-stdin", "wrong-mac.yaml", '["stringData"]["string"]'), fails=True, stdin="new value"),
    Story("unset", ("unset", "sealed.yaml", '["stringData"]["string"]')),
    Story("unset what is not there", ("unset", "sealed.yaml", '["nowhere"]'), fails=True),
    Story("rotate", ("rotate", "-i", "sealed.yaml")),
    Story("rotate to standard output", ("rotate", "sealed.yaml")),
    Story("rotate with another key", ("rotate", "-i", "sealed.yaml"), fails=True, environ=BOB),
    Story("rotate with a wrong MAC", ("rotate", "-i", "wrong-mac.yaml"), fails=True),
    Story("updatekeys", ("updatekeys", "--yes", "old-recipients.yaml")),
    Story("updatekeys with another key", ("updatekeys", "--yes", "old-recipients.yaml"), fails=True, environ=BOB),
    Story("filestatus", ("filestatus", "sealed.yaml")),
    Story("edit", ("edit", "sealed.yaml"), IN_MEMORY, environ={"EDITOR": "{editor} replace"}),
    Story("edit without a change", ("edit", "sealed.yaml"), IN_MEMORY, fails=True, environ={"EDITOR": "{editor} nothing"}),
    Story("edit with a failing editor", ("edit", "sealed.yaml"), IN_MEMORY, fails=True, environ={"EDITOR": "{editor} fail"}),
    Story("edit into a broken file", ("edit", "sealed.yaml"), IN_MEMORY, fails=True, environ={"EDITOR": "{editor} break"}),
    Story("edit interrupted", ("edit", "sealed.yaml"), IN_MEMORY, fails=True, environ={"EDITOR": "{editor} interrupt"}),
    Story("edit terminated", ("edit", "sealed.yaml"), IN_MEMORY, fails=True, environ={"EDITOR": "{editor} terminate"}),
    Story("edit with another key", ("edit", "sealed.yaml"), fails=True, environ={**BOB, "EDITOR": "{editor} replace"}),
    Story("review with a key", ("review-diff", "main..change")),
    Story("review without a key", ("review-diff", "main..change"), environ=NO_KEY),
    Story("review as JSON", ("review-diff", "--json", "main..change")),
    Story("review of a change that cannot be read", ("review-diff", "main..damage")),
    Story("review with reports", ("review-diff", "main..change", "--write", "html:r.html", "--write", "markdown:r.md")),
    Story("review of the work tree", ("review-diff", "--worktree")),
    Story("check of the work tree", ("check",)),
    Story("check of the index", ("check", "--staged")),
    Story("check of a range", ("check", "--range", "main..change")),
    Story("log", ("log", "sealed.yaml")),
    Story("recipients", ("recipients", "list")),
    Story("rules", ("rules", "explain", "plain.yaml", "sealed.yaml")),
    Story("init without a write", ("init", "--dry-run")),
    Story("render", ("render", "k8s"), Sinks(stdout=True, memory=True, pipes=True)),
    Story("render with another key", ("render", "k8s"), fails=True, environ=BOB),
    Story("render with a wrong MAC", ("render", "damaged"), fails=True),
)  # fmt: skip
ANY_CODE = ("review", "check")  # 1 stands for findings

EDITOR = """#!{python}
import os, signal, sys, time
how, path = sys.argv[1:]
text = open(path, encoding='utf-8').read()
new = {new!r}
if how == 'replace':
    open(path, 'w', encoding='utf-8').write(text.replace('EMPTY: later', 'EMPTY: ' + new))
elif how == 'break' and 'broken' not in text:
    open(path, 'w', encoding='utf-8').write(text + 'broken: [' + new + ' {{')
elif how == 'break':
    sys.exit(9)
elif how in ('interrupt', 'terminate'):
    os.kill(os.getppid(), signal.SIGINT if how == 'interrupt' else signal.SIGTERM)
    time.sleep(5)
sys.exit(3 if how == 'fail' else 0)
"""


class Repository:
    """A Git repository with plain and encrypted files that hold the canaries."""

    def __init__(self, world: World, sops: str, git: str, alice: AgeTestKey, canaries: Mapping[str, Canary]) -> None:
        self.world = world
        self.sops = sops
        self.git = git
        self.alice = alice
        self.canaries = canaries
        self.root = world.root / "repo"
        self.temporary = world.root / "tmp"
        self.environ = {
            **{
                name: os.environ[name]
                for name in os.environ
                if name.startswith(("XDG_", "GIT_", "HOME", "GNUPG", "LC_"))
            },
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.temporary),
            "SOPS_AGE_KEY_FILE": str(alice.path),
            "SOPS_DISABLE_VERSION_CHECK": "1",
        }

    def fill(self) -> None:
        """Write, encrypt and commit everything."""
        self.temporary.mkdir()
        (self.root / "k8s").mkdir(parents=True)
        (self.root / "damaged").mkdir()
        self._write_rules()
        secret = self._secret()
        self._write("plain.yaml", secret)
        self._write("plain-secret.yaml", secret)
        self._write("broken.yaml", secret + f"  broken: [{self.canaries['string'].text} {{\n")
        sealed = self._seal(secret)
        for name in ("sealed.yaml", "k8s/secrets.yaml"):
            self._write(name, sealed)
        self._write("wrong-mac.yaml", _damaged(sealed, "    mac: ENC[AES256_GCM,data:"))
        self._write("damaged/secrets.yaml", _damaged(sealed, "    mac: ENC[AES256_GCM,data:"))
        self._write("wrong-token.yaml", _damaged(sealed, "    string: ENC[AES256_GCM,data:"))
        self._write(
            "half-sealed.yaml", sealed.replace("sops:\n", f"    clear: {self.canaries['string'].text}\nsops:\n")
        )
        self._write("old-recipients.yaml", self._seal(secret, read_age_key("cluster").recipient))
        self._commit_branches(sealed)

    def _write_rules(self) -> None:
        rule = {"encrypted_regex": "^(data|stringData)$", "age": self.alice.recipient}
        self._write(".sops.yaml", json.dumps({"creation_rules": [rule]}))

    def _secret(self, string: str | None = None) -> str:
        text = {slot: canary.text for slot, canary in self.canaries.items()}
        return (
            "apiVersion: v1\nkind: Secret\nmetadata:\n    name: canaries\n"
            f"data:\n    data: {base64.b64encode(text['data'].encode()).decode()}\n"
            f"stringData:\n    # {text['comment']}\n"
            f"    string: {string or text['string']}\n"
            f"    quotes: {json.dumps(text['quotes'], ensure_ascii=False)}\n"
            f'    number: "{text["number"]}"\n    short: {text["short"]}\n    EMPTY: later\n'
            "    multi-line: |\n" + "".join(f"        {line}\n" for line in text["multi-line"].splitlines())
        )

    def _seal(self, text: str, more: str = "") -> str:
        recipients = ",".join(filter(None, (self.alice.recipient, more)))
        done = subprocess.run(
            [self.sops, "encrypt", "--age", recipients, "--filename-override", "secrets.yaml", "/dev/stdin"],
            cwd=self.root,
            env=self.environ,
            input=text.encode(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    def _write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def _commit_branches(self, sealed: str) -> None:
        run = [self.git, "-c", "init.defaultBranch=main"]
        self._git(*run, "init", "-q")
        self._git(*run, "add", "sealed.yaml", "k8s", ".sops.yaml")
        self._git(*run, "commit", "-qm", "first")
        self._git(*run, "checkout", "-qb", "change")
        self._write("sealed.yaml", self._seal(self._secret(self.canaries["new value"].text)))
        self._git(*run, "commit", "-qam", "second")
        self._git(*run, "checkout", "-qb", "damage", "main")
        self._write("sealed.yaml", _damaged(sealed, "    mac: ENC[AES256_GCM,data:"))
        self._git(*run, "commit", "-qam", "third")
        self._git(*run, "checkout", "-q", "main")

    def _git(self, *argv: str) -> None:
        subprocess.run(argv, cwd=self.root, env=self.environ, check=True, capture_output=True)

    def editor(self) -> Path:
        """A program that changes a file as its first argument says."""
        path = self.world.root / "editor"
        path.write_text(EDITOR.format(python=sys.executable, new=self.canaries["new value"].text))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def folders(self) -> list[Path]:
        """What is scanned after a command."""
        return [self.world.home, self.world.runtime, self.temporary, self.root]


def _damaged(text: str, before: str) -> str:
    """Change the first character after `before`, in base64."""
    head, _, tail = text.partition(before)
    assert tail, before
    return head + before + ("B" if tail[0] == "A" else "A") + tail[1:]


@pytest.fixture
def repository(world: World, tool: Callable[[str], str], alice: AgeTestKey) -> Repository:
    """A repository with fresh canaries."""
    repository = Repository(world, tool("sops"), tool("git"), alice, plant())
    repository.fill()
    return repository


def play(
    story: Story, repository: Repository, strace: str, extra: Mapping[str, str], start: Sequence[str] = ()
) -> Observation:
    """Run a story's command; `start` are words before it."""
    names = {"repo": str(repository.root), "editor": str(repository.editor())}
    environ = {name: value.format(**names) for name, value in story.environ.items()}
    value = repository.canaries["new value"].text
    stdin = {"": "", "new value": json.dumps(value), "not JSON": f"{{{value}"}[story.stdin]
    return observe(
        strace,
        [*start, sys.executable, "-c", RUN, *story.argv],
        cwd=repository.root,
        environ={**repository.environ, **environ, **extra},
        trace=repository.world.root / "trace",
        stdin=stdin.encode(),
    )


def existing(folder: str) -> set[Path]:
    """What lies in a folder now."""
    return set(Path(folder).iterdir()) if Path(folder).is_dir() else set()


@pytest.mark.parametrize("extra", [{}, DEBUGGING], ids=["", "debugging"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_no_secret_leaves_a_command(
    story: Story, extra: Mapping[str, str], repository: Repository, tool: Callable[[str], str]
) -> None:
    identity = Canary("identity", repository.alice.identity.removeprefix("AGE-SECRET-KEY-"))
    scanner = Scanner([*repository.canaries.values(), identity])
    before = existing("/dev/shm")
    seen = play(story, repository, tool("strace"), extra)
    sinks = story.sinks._replace(paths=[path.format(repo=repository.root) for path in story.sinks.paths])
    leaks = seen.leaks(scanner, sinks, (*MEMORY, str(repository.world.runtime)))
    known = [repository.root / name for name in story.plain]
    leaks |= leaks_in_folders(scanner, repository.folders(), known)
    leaks |= leaks_in_git(scanner, repository.git, repository.root)
    leaks |= leaks_in_folders(scanner, [path for path in existing("/dev/shm") - before if path.is_dir()])
    assert {(hit.slot, hit.place) for hit in leaks} == set()
    if story.sinks != Sinks():
        assert seen.leaks(scanner, Sinks()), "a sink is declared and not used"
    assert b"Traceback" not in seen.stderr, seen.stderr.decode()
    assert b"a bug in sopskit" not in seen.stderr, seen.stderr.decode()
    if not story.name.startswith(ANY_CODE):
        assert (seen.returncode != 0) is story.fails, seen.stderr.decode()


@pytest.mark.parametrize("name", ["encrypt to standard output", "decrypt", "review with a key", "render"])
@pytest.mark.parametrize("target", ["&-", "/dev/full"])
def test_no_secret_is_in_what_is_said_of_an_output_that_cannot_be_written(
    name: str, target: str, repository: Repository, tool: Callable[[str], str]
) -> None:
    story = next(story for story in STORIES if story.name == name)
    scanner = Scanner(list(repository.canaries.values()))
    seen = play(story, repository, tool("strace"), {}, ["/bin/sh", "-c", f'exec "$@" >{target}', "sh"])
    assert scanner.scan(seen.stdout + seen.stderr, "standard error") == set()
    assert b"Traceback" not in seen.stderr, seen.stderr.decode()
    leaks = leaks_in_folders(scanner, repository.folders(), [repository.root / name for name in story.plain])
    assert {(hit.slot, hit.place) for hit in leaks} == set()
