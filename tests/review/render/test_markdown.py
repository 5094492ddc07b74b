"""The review as a comment: its look, its budget."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from sopskit.review.model import End, NotChecked
from sopskit.review.render.markdown import cell, code, render
from tests.review.render import reports

LARGE = (reports.five_thousand_changes, reports.five_hundred_files)
MARKER = f"<!-- sopskit-review:v1 head={reports.HEAD} -->"


def test_the_comment_of_an_ordinary_branch() -> None:
    """The whole of it, once."""
    assert render(reports.plain()).split("\n") == [
        MARKER,
        "**sopskit review** · `main` 3f2c1ab → `rotate-db` 9d41e07 · no key used · 3 files, 3 values, 1 recipient",
        "",
        "⛔ 2 block",
        "",
        "| | finding | where |",
        "|---|---|---|",
        (
            f"| ⛔ | **RCP03** `{reports.STRANGER.id}` can now read this file, but .sops.yaml does not list it"
            " | `k8s/gitops/prod/service1/secrets.yaml:14` |"
        ),
        (
            "| ⛔ | **MAC02** `data.LOG_LEVEL` changed, mac did not; a formatter or a bot may have written it; decrypting will"
            " fail | `k8s/gitops/qa/service1/configmap.yaml:9` |"
        ),
        "",
        (
            "**`prod`** `k8s/gitops/prod/service1/secrets.yaml`: looks like updatekeys, no value changed, 1 recipient added;"
            " decryption not tested"
        ),
        "",
        "| key | change | kind |",
        "|---|---|---|",
        f"| recipient `{reports.STRANGER.id}` | added | `age` |",
        "",
        (
            "**`qa`** `k8s/gitops/qa/service1/configmap.yaml`: changed without sops, 2 values changed; the MAC is too old,"
            " decrypting will fail"
        ),
        "",
        "| key | change | kind |",
        "|---|---|---|",
        "| `data.LOG_LEVEL` | changed | string, plain |",
        "| `metadata.name` | changed | string, plain; `service1` → `service-1` |",
        "",
        "**`dev`** `k8s/gitops/dev/service1/secrets.yaml`: looks like an edit, 1 of 5 values changed; decryption not tested",
        "",
        "| key | change | kind |",
        "|---|---|---|",
        "| `stringData.DB_PASSWORD` | changed | string, encrypted |",
        "",
        "<details><summary>what to do</summary>",
        "",
        "- **RCP03** take it out with sopskit updatekeys and rotate, or list it",
        "- **MAC02** restore the file, and make the change with sopskit edit or set",
        "",
        "</details>",
        "",
        "<details><summary>1 waived finding</summary>",
        "",
        (
            "- **ENC08** `data.LOG_LEVEL` is plain text, `k8s/gitops/qa/service1/configmap.yaml`: `log level is public`, `ann`,"
            " until `2027-01-31`"
        ),
        "",
        "</details>",
        "",
        "<sub>not checked without a key: MAC of 2 files, kinds of values</sub>",
        "",
    ]


def test_a_review_without_findings_says_so_in_one_line() -> None:
    assert render(reports.empty()).splitlines() == [
        MARKER,
        "**sopskit review** · `main` 3f2c1ab → `topic` 9d41e07 · no key used · 0 files",
        "",
        "✅ nothing changed that sopskit looks at",
    ]
    assert "\n\n✅ nothing found\n\n" in render(reports.clean())


def test_what_could_not_be_read_is_named_and_undecided() -> None:
    lines = render(reports.check()).splitlines()
    assert lines[:8] == [
        "<!-- sopskit-review:v1 head=- -->",
        "**sopskit check** · `staged` · no key used · 1 file",
        "",
        "❔ **undecided**: 1 file could not be checked",
        "",
        "not checked:",
        "",
        "- `b.yaml`: `broken YAML on line 3`",
    ]


def test_facts_equality_and_rules_of_a_keyed_review_stand_in_the_table() -> None:
    comment = render(reports.keyed())
    for line in (
        "| rule `encrypted_regex` | changed | `^data$` → `^(data\\|stringData)$` |",
        (
            '| `stringData["tls.crt"]` | changed | certificate, encrypted; not after: `2026-01-31` → `2027-01-31`;'
            " key: `ECDSA P-256`; private key matches: yes |"
        ),
        "| `stringData.DATABASE_URL` | changed | URL, encrypted; changed: `host`, `password` |",
        "| `stringData.API_KEY` | added | password (=1), encrypted |",
        "| `stringData.MOVED` | moved from `data.MOVED` | string, encrypted |",
        '| `list[0]["a b"]` | looks re-encrypted | string, encrypted |',
        "<sub>values with the same =number are equal</sub>",
    ):
        assert f"\n{line}\n" in comment


def test_a_marker_names_a_commit_or_nothing() -> None:
    head = End("x", "a --> <b>")
    assert render(reports.empty()._replace(head=head)).splitlines()[0] == "<!-- sopskit-review:v1 head=- -->"


# --- the budget


@pytest.mark.parametrize("build", LARGE, ids=lambda build: build.__name__)
@pytest.mark.parametrize("budget", [60_000, 20_000, 10_000])
def test_a_large_review_fits_with_the_worst_finding_in_it(build: reports.Build, budget: int) -> None:
    comment = render(build(), budget=budget)
    assert len(comment.encode()) <= budget
    assert "| ⛔ | **MAC02** the worst of all | `" in comment
    assert "**shortened to fit:**" in comment


@pytest.mark.parametrize("build", LARGE, ids=lambda build: build.__name__)
def test_a_shortened_comment_is_whole_at_any_budget(build: reports.Build) -> None:
    """Nothing is cut in a table row, a tag or a code span, whichever step of detail fits."""
    review = build()
    lost = set()
    for budget in (10**9, 300_000, 60_000, 40_000, 20_000, 10_000, 3_000, 1_000, 0):
        comment = render(review, budget=budget)
        lost.add(next((line for line in comment.splitlines() if "shortened to fit" in line), "nothing"))
        assert comment.count("<details><summary>") == comment.count("</details>") == comment.count("</summary>")
        tokens = MarkdownIt("commonmark").enable("table").parse(comment)
        shown = [inline.content for token in tokens for inline in token.children or () if inline.type == "text"]
        assert not any("`" in text or "|" in text or "**" in text for text in shown)
    assert len(lost) >= 4


def test_files_that_are_not_told_of_are_counted_by_environment() -> None:
    lines = render(reports.five_hundred_files(), budget=4_000).splitlines()
    assert "and 350 more files:" in render(reports.five_hundred_files()).splitlines()
    start = lines.index("| environment | files | values |")
    assert lines[start + 2 : start + 7] == [f"| `env{number}` | 100 | 100 |" for number in (4, 0, 1, 2, 3)]


def test_of_many_findings_the_worst_are_kept_and_the_others_counted() -> None:
    comment = render(reports.five_thousand_changes(), budget=5_000)
    assert comment.count("\n| 🔹 |") == 24
    assert "\nand 276 more findings\n" in comment


def test_two_renderings_are_the_same() -> None:
    for name, review in reports.everything():
        assert render(review) == render(review), name


def test_many_unreadable_files_fit() -> None:
    left = tuple(NotChecked(f"{number}/{'x' * 150}", "y" * 150, decisive=True) for number in range(5_000))
    assert len(render(reports.clean()._replace(not_checked=left)).encode()) <= 60_000


# --- code spans


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("", "`(empty)`"),
        (" ", "`\\x20`"),
        (" a ", "`  a  `"),
        ("`", "`` ` ``"),
        ("a``b`c", "```a``b`c```"),
        ("`|", "`` `| ``"),
        ("\n\x1b", "`\\n\\x1b`"),
        ("x" * 200, "`" + "x" * 106 + "…" + "x" * 53 + "`"),
        ("##[error]", "`#\\u{23}[error]`"),
    ],
)
def test_code_spans(text: str, span: str) -> None:
    assert code(text) == span


def test_bars_end_no_cell() -> None:
    assert [cell(text) for text in ("a|b", "a\\|b", "||")] == ["`a\\|b`", "`a\\\\u{7c}b`", "`\\|\\|`"]
