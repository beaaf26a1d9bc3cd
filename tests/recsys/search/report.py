"""How many of the labelled queries are answered, by kind, beside exact keywords and plain TF-IDF.

    python -m tests.recsys.search.report [develop|held-out|blind]

Labels are in ``queries.tsv``. Half of them, chosen by a hash, were kept aside while the search was tuned. Labels
and ``data/synonyms.txt`` have one author, though. ``blind.tsv`` was written afterwards by somebody who knew the
catalogue alone, and nothing was tuned on it: it tells how a stranger fares, as long as it stays so.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from recsys.base import Item
from recsys.cutting import load_jieba
from recsys.search.course_search import CourseSearch, Facts
from recsys.search.synonyms import Synonyms
from recsys.text import Tokenizer

DATA = Path(__file__).parents[3] / "data"
TOP = 3
Ask = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    kind: str
    expected: frozenset[str]

    @property
    def held_out(self) -> bool:
        return sha256(self.text.encode()).digest()[0] % 2 == 1

    def recall(self, answered: Sequence[str]) -> float:
        """Return the share of what could be right that is; with nothing to find, 1 if nothing was shown."""
        top = answered[:TOP]
        if not self.expected:
            return float(not top)
        return len(self.expected & set(top)) / min(TOP, len(self.expected))

    def hit(self, answered: Sequence[str]) -> float:
        top = answered[:TOP]
        return float(bool(self.expected & set(top)) if self.expected else not top)


def queries(name: str = "queries.tsv") -> list[Query]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Query(row["query"], row["kind"], frozenset(filter(None, row["expected"].split("|")))) for row in rows
        ]


def catalogue() -> tuple[list[Item], dict[str, Facts]]:
    """Return the published sample courses and their facts."""
    items, facts = [], {}
    with (DATA / "courses.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] != "published":
                continue
            tags = tuple(row["tags"].split("|"))
            item_id = row["course_id"]
            items.append(Item(item_id, row["title"], row["subtitle"], row["category"], tags, row["description"]))
            facts[item_id] = Facts(round(float(row["price"]) * 100), row["level"], float(row["minutes"]))
    return items, facts


def word_list(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def tokenizer_of(items: Iterable[Item]) -> Tokenizer:
    """Return the tokenizer as the shop makes it: its word lists, and the catalogue's tags kept whole."""
    tokenizer = Tokenizer(word_list("stop_words.txt"), word_list("user_words.txt"))
    tokenizer.add_words(tag for item in items for tag in item.tags)
    return tokenizer


def our_search() -> CourseSearch:
    items, facts = catalogue()
    return CourseSearch.build(items, tokenizer_of(items), facts=facts, synonyms=Synonyms(word_list("synonyms.txt")))


def by_search(search: CourseSearch) -> Ask:
    return lambda text: [hit.item_id for hit in search.search(text, k=TOP).hits]


def by_keyword(items: Sequence[Item]) -> Ask:
    """Return what most course platforms do: the query, as typed, somewhere in the title, tags or description."""
    said = {
        each.item_id: "\n".join((each.title, "\n".join(each.tags), each.subtitle, each.category, each.text)).lower()
        for each in items
    }
    return lambda text: [item_id for item_id, words in said.items() if text.lower() in words][:TOP]


def by_tfidf(items: Sequence[Item]) -> Ask:
    """Return scikit-learn's TF-IDF over plain jieba words, by cosine."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    vectorizer = TfidfVectorizer(tokenizer=load_jieba().lcut, token_pattern=None)
    rows = vectorizer.fit_transform(
        " ".join((each.title, *each.tags, each.category, each.subtitle, each.text)) for each in items
    )

    def ask(text: str) -> list[str]:
        scores = (rows @ vectorizer.transform([text]).T).toarray()[:, 0]
        best = sorted(range(len(items)), key=lambda at: (-scores[at], at))[:TOP]
        return [items[at].item_id for at in best if scores[at] > 0]

    return ask


def table(asked: Sequence[Query], ways: dict[str, Ask]) -> list[tuple[str, int, list[tuple[float, float]]]]:
    """Return recall@3 and hit@3 of every way, by kind and for all."""
    groups: dict[str, list[Query]] = defaultdict(list)
    for query in asked:
        groups[query.kind].append(query)
        groups["all"].append(query)
    groups["all"] = groups.pop("all")
    lines = []
    for kind, group in groups.items():
        figures = []
        for ask in ways.values():
            answers = [(query, ask(query.text)) for query in group]
            recall = sum(query.recall(answer) for query, answer in answers) / len(group)
            hits = sum(query.hit(answer) for query, answer in answers) / len(group)
            figures.append((recall, hits))
        lines.append((kind, len(group), figures))
    return lines


def main(half: str = "both") -> None:
    items, _ = catalogue()
    ways = {"keyword": by_keyword(items), "tf-idf": by_tfidf(items), "ours": by_search(our_search())}
    asked = queries("blind.tsv" if half == "blind" else "queries.tsv")
    if half in ("develop", "held-out"):
        asked = [each for each in asked if each.held_out == (half == "held-out")]
    print(f"{half}: recall@3 / hit@3".ljust(30), *(name.rjust(15) for name in ways))  # noqa: T201
    for kind, count, figures in table(asked, ways):
        cells = (f"{recall:.3f} / {hit:.3f}".rjust(15) for recall, hit in figures)
        print(f"{kind:<24}{count:>6}", *cells)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:2])
