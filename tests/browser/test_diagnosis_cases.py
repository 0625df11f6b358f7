"""The diagnosis of the page: the same cases as in the terminal."""

from typing import Any

from flask_echo.diagnosis.verdict import judge
from tests.support.browser import Page
from tests.support.cases import CASES, NAMES, facts_of

JUDGE_ALL = """
const [cases, done] = arguments;
const load = (module) => import(new URL(`static/js/common/diagnosis/${module}`, location));
(async () => {
  const { getBook } = await load("book.js");
  const facts = await load("facts.js");
  const { judge } = await load("judge.js");
  const book = await getBook();
  const measures = {
    "round-trip": ({ count, median, p99, stall }) =>
      facts.roundTripFacts(count, median, p99, stall),
    "message-size": facts.sizeFacts,
    idle: facts.idleFacts,
  };
  done(cases.map(({ check, evidence, measured, agreed = true }) => {
    const found = measured ? measures[check](measured) : {
      ...facts.connectionFacts(evidence, book),
      ...facts.arrivalFacts(evidence),
      ...facts.compressionFacts(evidence, agreed),
    };
    return { facts: found, ...judge(book, check, found) };
  }));
})().catch((error) => done([String(error)]));
"""


def test_the_page_judges_all_cases_like_the_terminal(page: Page) -> None:
    page.open("/")
    results: list[Any] = page.run_async(JUDGE_ALL, CASES)
    assert len(results) == len(CASES), results
    for name, case, result in zip(NAMES, CASES, results, strict=True):
        assert result["id"] == case["id"], (name, result["facts"])
        assert result["product"] == case["product"], name
        told = judge(case["check"], facts_of(case))
        assert (result["meaning"], result["cures"]) == (told.meaning, told.cures), name
