"""What a release checks before it builds anything."""

import pytest

from tools.release import check_tree, check_version

CHANGES = (
    "# Changes\n\nWords.\n\n## Versions\n\n## 1.2.3, 2026-12-01\n\n- A.\n\n## 1.2.2, 2026-11-01\n"
)


def test_a_clean_tree_can_be_released() -> None:
    check_tree("")


def test_a_change_that_is_not_committed_is_named() -> None:
    with pytest.raises(ValueError, match=r"not committed: README\.md, new\.txt"):
        check_tree(" M README.md\n?? new.txt\n")


@pytest.mark.parametrize("tags", [[], ["v1.2.2"], ["v0.9.0", "v1.2.2", "other", "v2-old"]])
def test_a_newer_version_with_a_section_can_be_released(tags: list[str]) -> None:
    check_version("1.2.3", CHANGES, tags)


@pytest.mark.parametrize(
    ("version", "changes", "tags", "problem"),
    [
        ("1.2", CHANGES, [], "1.2 is not a version like 1.2.3"),
        ("1.2.03", CHANGES, [], "1.2.03 is not a version like 1.2.3"),
        ("1.2.3.dev1", CHANGES, [], "1.2.3.dev1 is not a version like 1.2.3"),
        ("1.3.0", CHANGES, [], "the first section of CHANGES.md is not '## 1.3.0, DATE'"),
        ("1.2.2", CHANGES, [], "the first section of CHANGES.md is not '## 1.2.2, DATE'"),
        ("1.2.3", "# Changes\n", [], "the first section of CHANGES.md is not"),
        (
            "1.2.3",
            CHANGES.replace("2026-12-01", "not yet released"),
            [],
            "CHANGES.md dates 1.2.3 'not yet released', not like 2026-12-31",
        ),
        ("1.2.3", CHANGES, ["v1.2.3"], "1.2.3 is not newer than the tag v1.2.3"),
        ("1.2.3", CHANGES, ["v1.9.0", "v1.10.0"], "1.2.3 is not newer than the tag v1.10.0"),
    ],
)
def test_a_version_that_cannot_be_released_is_named(
    version: str, changes: str, tags: list[str], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        check_version(version, changes, tags)
