"""Training on the account's own events: gathering them, learning, putting the model in force, taking it back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot import doors
from bot.config import Config
from bot.errors import NotAllowed
from bot.models import Course, CourseStatus
from bot.ports import Clock
from bot.store import Store, Tx
from bot.store.people import Event
from bot.suggestions import as_item
from recsys import clicks, picture
from recsys.artefacts import Artefact, Artefacts, BrokenArtefact
from recsys.base import Signal
from recsys.evaluation import Report, compare, time_split
from recsys.index import CourseIndex
from recsys.live import Live
from recsys.sources.base import Catalogue, Log, Person, Source, best
from recsys.sources.catalogue import catalogue_of
from recsys.sources.content import Content
from recsys.sources.ease import Ease
from recsys.sources.formula import Formula
from recsys.sources.neighbours import Neighbours
from recsys.sources.segments import Segments
from recsys.sources.walk import Walk
from recsys.sources.words import Words
from recsys.training import Check, Tell, TooLittle, train

log = logging.getLogger("zhike.training")
TOOK = (Signal.BUY, Signal.FINISH, Signal.VIEW, Signal.CLICK)
OPENED = ("click", "view", "buy")
OPENED_WITHIN = timedelta(hours=1)
KEEP_MODELS = 7
TOLD_COURSES = 3
SOURCES: Mapping[str, Callable[[], Source]] = {
    "content": Content,
    "formula": Formula,
    "segments": Segments,
    "cosine": partial(Neighbours, "cosine"),
    "walk": Walk,
    "ease": Ease,
    "words": Words,
    "live": Live,
}


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to. ``version`` is in force, or was only written when the check was lost."""

    version: str
    events: int
    people: int
    check: Check

    @property
    def in_force(self) -> bool:
        """Tell whether the model was put in force."""
        return not self.check.lost_to


@dataclass(frozen=True, slots=True)
class Events:
    """The account's log with the catalogue it speaks of."""

    log: Log
    catalogue: Catalogue
    until: float


def gather(config: Config, store: Store) -> Events:
    """Read the events and the courses on sale; one tokenizer cuts as the shop does."""

    def work(tx: Tx) -> tuple[list[Course], list[tuple[str, str, float]]]:
        kinds = [each.value for each in TOOK]
        took = [(event.openid, event.course_id, event.at.timestamp()) for event in tx.events.about_courses(kinds)]
        return tx.courses.all(status=CourseStatus.PUBLISHED), took

    courses, took = store.write_now(work)
    return assemble(config, courses, took)


def assemble(config: Config, courses: Sequence[Course], took: Sequence[tuple[str, str, float]]) -> Events:
    """Turn courses and (openid, course_id, epoch seconds) into what training reads, unknown courses left out."""
    tokenizer = doors.tokenizer(config)
    tokenizer.add_words(tag for course in courses for tag in course.tags)
    index = CourseIndex.build([as_item(course) for course in courses], tokenizer)
    catalogue = catalogue_of(index, {course.course_id: course.tags for course in courses})
    known = [(openid, at, time) for openid, item, time in took if (at := index.position(item)) is not None]
    codes: dict[str, int] = {}
    users = [codes.setdefault(openid, len(codes)) for openid, _, _ in known]
    items, times = [at for _, at, _ in known], [time for _, _, time in known]
    events = Log.of(users, items, times, width=len(catalogue), ordered=True)
    return Events(events, catalogue, max(times, default=0.0))


def learn(config: Config, store: Store, clock: Clock, tell: Tell) -> Trained:
    """Train, and put the model in force unless it loses to the former one or to popularity.

    ``NotAllowed`` with a sentence when there are too few events to learn from.
    """
    artefacts = Artefacts(Path(config.recsys.models_dir))
    events = gather(config, store)
    tell(1, 4)
    former, former_until = _former(artefacts)
    try:
        live, check = train(events.log, events.catalogue, former, former_until, tell)
    except TooLittle as error:
        raise NotAllowed(
            f"数据还不够训练：只有 {error.people} 位关注者看过或买过两门以上的课，至少要 30 位；先用热度和兴趣推荐"
        ) from None
    lesson = clicks.learn(shown_lists(store))
    facts = {"until": events.until, "people": check.people, "ndcg": check.ndcg, "gains": dict(check.gains)}
    facts["factors"] = dict(lesson.factors) if lesson is not None else {}
    made = artefacts.write(live.save, facts, clock.now())
    if not check.lost_to:
        artefacts.activate(made.version)
    artefacts.prune(KEEP_MODELS)
    log.info("training.done version=%s people=%d lost_to=%s", made.version, events.log.people, check.lost_to or "-")
    return Trained(made.version, len(events.log.items), events.log.people, check)


def shown_lists(store: Store) -> list[list[clicks.Card]]:
    """Return the lists that were shown, oldest first, and which courses of each were opened within an hour."""

    def work(tx: Tx) -> tuple[dict[str, Course], list[Event]]:
        courses = {course.course_id: course for course in tx.courses.all()}
        return courses, list(tx.events.of_kinds(["impression", *OPENED]))

    courses, events = store.write_now(work)
    shown: list[tuple[Event, list[str]]] = []
    opened: set[tuple[int, str]] = set()
    latest: dict[str, int] = {}
    for event in events:
        if event.kind == "impression":
            latest[event.openid] = len(shown)
            shown.append((event, event.detail.split("\n")))
        elif (at := latest.get(event.openid)) is not None and event.at - shown[at][0].at <= OPENED_WITHIN:
            opened.add((at, event.course_id))
    return [[_card(line, at, courses, opened) for line in lines if line] for at, (_, lines) in enumerate(shown)]


def _card(line: str, at: int, courses: Mapping[str, Course], opened: Container[tuple[int, str]]) -> clicks.Card:
    course_id, *told = line.split(" ")
    shares = {kind: float(value) for kind, _, value in (each.partition("=") for each in told)}
    course = courses.get(course_id)
    price = course.price_fen / 100 if course is not None else 0.0
    return clicks.Card(shares, price, fresh="fresh" in shares, opened=(at, course_id) in opened)


def _former(artefacts: Artefacts) -> tuple[Live | None, float]:
    version = artefacts.current()
    if version is None:
        return None, 0.0
    try:
        artefact: Artefact = artefacts.open(version)
        return Live().load(artefact.folder), float(artefact.facts["until"])
    except (BrokenArtefact, OSError, ValueError, KeyError, TypeError) as error:
        log.warning("training.former_unreadable version=%s why=%s", version, error)
        return None, 0.0


def roll_back(config: Config) -> str | None:
    """Put the former model back in force; None means that there was none, and popularity and interests go on alone.

    ``NotAllowed`` when no model is in force, or the former one is broken.
    """
    artefacts = Artefacts(Path(config.recsys.models_dir))
    if artefacts.current() is None:
        raise NotAllowed("现在没有在用的模型，不用回退")
    try:
        return artefacts.roll_back()
    except BrokenArtefact:
        raise NotAllowed("上一个模型的文件不完整，不能回退；用 recsys train 重新训练") from None


def evaluate(config: Config, store: Store, k: int) -> Report:
    """Split the events by time and compare the sources with popularity.

    ``NotAllowed`` with a sentence when there is nobody to ask.
    """
    events = gather(config, store)
    past, exam = time_split(events.log)
    if not len(exam):
        raise NotAllowed("没有可评测的事件：要有人看过或买过两门以上的课")
    return compare(SOURCES, past, exam, events.catalogue, k)


@dataclass(frozen=True, slots=True)
class Segment:
    """A group of followers: its name, how many they are, and the titles of what they take above all."""

    name: str
    people: int
    titles: tuple[str, ...]


def segments(config: Config, store: Store) -> list[Segment]:
    """Return the account's groups of followers, the largest first; none while there are too few events."""
    events = gather(config, store)
    titles = store.write_now(lambda tx: {course.course_id: course.title for course in tx.courses.all()})
    found = Segments().fit(events.log, events.catalogue)
    people = Counter(
        found.segment(Person(tuple(events.log.history(user).tolist()))) for user in range(events.log.people)
    )
    return [
        Segment(
            found.names[at],
            count,
            tuple(titles[found.ids[item]] for item in best(found.tables[at] - found.tables[-1], TOLD_COURSES)),
        )
        for at, count in people.most_common()
        if at >= 0
    ]


def draw(report: Report, path: Path) -> None:
    """Draw a report as PNG. ``NotAllowed`` with a sentence when matplotlib is missing."""
    try:
        picture.draw(report, path)
    except picture.NoPainter:
        raise NotAllowed("画图需要 matplotlib：python -m pip install matplotlib") from None
