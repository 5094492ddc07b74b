"""The contributor's loop: `nox` is lint, typing and tests; the other sessions are run by name."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "typing", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and formatting; changes nothing."""
    session.install("ruff>=0.11")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types, tests included."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole test suite; arguments after `--` go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def properties(session: nox.Session) -> None:
    """Properties with thousands of examples each, new ones every time."""
    session.install("-e", ".[dev]")
    session.run("pytest", "--hypothesis-profile=thorough", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Branch coverage."""
    session.install("-e", ".[dev]")
    session.run("pytest", "--cov", "--cov-report=term-missing:skip-covered", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare with the released sops; writes docs/performance.md."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def fixtures(session: nox.Session) -> None:
    """Write the files of the released sops under fixtures/sops/ anew."""
    session.run("python", "fixtures/sops/generate.py", *session.posargs)
