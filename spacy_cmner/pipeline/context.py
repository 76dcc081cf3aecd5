"""What the words around an entity say of it: that it is absent, doubtful, someone else's or past.

A trigger reaches from its place to the end of its scope, in the direction it has, and gives its
attribute to the entities there. Scopes end at punctuation, at a terminator, such as 但, where
brackets around them end, or after ``REACH`` characters; those of headings, such as 既往史：, with
their section. A longer trigger hides the shorter ones in it; a pseudo-trigger (无明显诱因) does
nothing but that. Of the words in an entity (双下肢无水肿) only those count that have the scope
inside.

Harkema et al. (2009), "ConText: An algorithm for determining negation, experiencer, and temporal
status from clinical reports", section 3.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from spacy_cmner.pipeline.folding import Folding
from spacy_cmner.pipeline.layout import NUMBER, TOLD_BY, Section, find_sections, part_fields
from spacy_cmner.pipeline.masking import ENTITY, mask, unmask
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.pipeline.tick_boxes import read_boxes
from spacy_cmner.pipeline.triggers import ATTRIBUTES, Trigger
from spacy_cmner.types import CharSpan, TextRange

# The traditional forms of the characters of the expressions below and of the triggers that ship.
TRADITIONAL = (
    "無无 沒没 認认 見见 聞闻 觸触 訴诉 診诊 現现 發发 髮发 懷怀 慮虑 從从 傳传 傷伤 僅仅 會会 "
    "體体 兒儿 別别 創创 劃划 則则 動动 勁劲 協协 卻却 嗎吗 嘔呕 啞哑 囑嘱 處处 媽妈 寧宁 對对 "
    "屬属 帶带 幾几 張张 彈弹 徵征 後后 惡恶 應应 據据 擔担 擬拟 斷断 時时 暈晕 暫暂 條条 機机 "
    "檢检 歷历 曆历 氣气 淚泪 減减 為为 爲为 燒烧 熱热 爺爷 狀状 環环 異异 當当 瘺瘘 瘻瘘 療疗 "
    "癢痒 癥症 稱称 種种 穩稳 節节 糾纠 紅红 線线 結结 統统 經经 綜综 緩缓 縮缩 繫系 係系 義义 "
    "聲声 腫肿 脈脉 腦脑 脹胀 與与 臟脏 藥药 規规 親亲 計计 許许 詳详 誘诱 調调 該该 證证 識识 "
    "貝贝 質质 輕轻 轉转 較较 過过 運运 進进 適适 遺遗 醫医 鈎钩 鉤钩 針针 鑑鉴 鑒鉴 長长 鏈链 "
    "閉闭 間间 關关 陰阴 難难 須须 頭头 頻频 預预 顯显 類类 鳥鸟 鹽盐 麼么 點点 黃黄 齊齐 傾倾 "
    "兩两 雙双 週周 裏里 裡里 術术 壓压 喫吃 夾夹 敗败 組组 軟软 寬宽 強强 遲迟 鈍钝 輩辈 內内 "
    "況况 層层 妳你 瘡疮 脫脱 併并 並并 顏颜 們们 圍围 寶宝 視视 論论 議议 瀉泻 癒愈 "
    "變变 圖图 復复 複复 嬸婶 學学 實实 開开 曉晓 潛潜 電电 評评 問问 鏡镜 險险 題题 風风 觀观 "
    "鄰邻 姪侄 蘭兰"
)

# Ends a sentence as 。 does: 无发热. 5.6 and 2. do not.
PERIOD = re.compile(r"(?<!\d)\.(?=\s|$)|(?<=[一-鿿)])\.(?=[一-鿿])")
# Whom someone else asks about in a consultation: 我妈65岁，糖尿病8年; 您好，替我妈妈问的，她49岁.
_RELATIVE = r"(我?(?:[妈爸]{1,2}|[母父]亲|老[公婆]|爷爷|奶奶|外[公婆]|姥[姥爷]|岳[父母]|公公|婆婆))"
PATIENT = re.compile(
    r"(?:\w{1,4}:)?\s*(?:(?:\w{0,3}(?:医生|大夫)|[你您]?好|请问)[,!。\s]*){0,3}"
    rf"(?:{_RELATIVE}[,\s]*(?:今年)?\d{{2}}(?!天|周|年)|[替帮给]{_RELATIVE}[问咨看])"
)
# A-not-A, of which the first A is an entity or its end: 肚子疼不疼.
A_NOT_A = re.compile(r"([一-鿿])[不没]\1")
# What a minus is typed as: 移动性浊音（—）.
DASHES = "‐‑‒–—―−"
# All folded to half width and the simplified script.
# The fields of a form or of a table made text stand apart; 查  体 is one word. A heading in 【】
# needs nothing before it, but 否认【高血压】 is none. A list goes on behind 、 on the next line.
SENTENCE_END = re.compile(
    rf"[。!?;\t|…→]|(?<!、)\n|-{{2}}|(?<=\S\S) {{2,}}|【(?!{ENTITY})|(?<={ENTITY})【"
)
COMMA = re.compile(",")
# Scopes do not leave them, if they hold an entity: 肺炎(真菌感染待排).
BRACKETS = re.compile(r"\([^()\n]*\)|“[^“”()\n]*”")
# A clause that only goes on with a list of entities.
LIST = re.compile(rf"(?:等(?:不适|异常|表现)|[{ENTITY}\s、和及与或等史]|病史|以及|症状|情况)*")
LISTED = re.compile(rf"(?:{LIST.pattern},)*{LIST.pattern}")
# 38.5°c, <3.5mmol/l, 120/80mmhg; 2片, 3级; iii期; 体温38.5°c
QUANTITY = (
    r"^[<>≤≥]?\d(?:[^一-鿿]*|[\d.~-]*(?:[级期度片粒袋支滴]|[毫微]?克|毫升|万?单位))$"
    r"|^(?:[ⅰ-ⅻ]|i{1,3}|iv)[^一-鿿]*[级期度]$"
    r"|\d\s?(?:℃|°c|%|mm\s?hg|kpa|[a-zμ]+/[a-zμ]+)$"
)
# Entities that say how something is, or how much: no list goes on with them, though one may begin
# with them.
STATEMENT = re.compile(
    r"^(?:[左右](?!心)|双(?!相)|[两常偶]|可有|并有|局部|周围|软组织|全身|四肢|[上下]肢)"
    r"|[不无未没](?![全张良育孕耐力闭]|稳定)"
    r"|(?:[差可佳好清弱快慢高低多少窄]|(?<!肿)大|(?<!肌)无力|明显|[加减]重|减轻"
    r"|(?<!功能)(?:[增减升下][强弱退厚粗宽降]|亢进)|活跃|异常|正常|缓解|萎靡|迟钝)了?$"
    rf"|{QUANTITY}"
)
# What begins with items, such as 否认: 1. or 不除外以下疾病: (1) or 考虑诊断1.
NUMBERED = re.compile(rf"(?:[^{ENTITY},。!?;\s]{{0,12}}: *|(?:诊断为?|以下|如下)? *){NUMBER}")
# What begins an item behind others: a number, or a word with a colon.
ITEM = re.compile(rf" (?:{NUMBER}|\w{{1,6}}:)|\(\d{{1,2}}\)(?=[^\s,。;、)])|[①-⑳]")
# What the entities of an item stand behind.
HEAD = re.compile(rf"(?:\d[.、)]|:)(?=\s*{ENTITY})")
# What a word stands between that answers what is before it, or is the last about an entity.
ASKED = (":", "(")
ANSWERED = re.compile(r"\s*(?:[,。!?;、)”\n【①-⑳]|\(\d{1,2}\)|$)")
LAST = re.compile(r"[,。;、)”\n【①-⑳]|$")
# What stands between an entity and the last word about it: 药物过敏史否认.
TOLD = re.compile(rf"(?<={ENTITY})(?:(?:病|过敏|手术|外伤|接触|家族)?史)?$")
# What is behind a word that denies what is before it.
ENDED = re.compile(rf"{LAST.pattern}|[\s了过到!?:/(|…→-]|后,")
# The same of a word that may also be about what follows: 肺癌可能 2.高血压.
CLOSED = re.compile(rf"{LAST.pattern}|\s|{NUMBER}")
# What parts a word that fills a cell from an entity that it answers, and what is behind the word.
CELL = re.compile(rf"(?<={ENTITY})(?: {{0,3}}[|\t][|\t ]{{0,3}}| {{2,6}})$")
CELL_END = re.compile(r"[()-]{0,3} {0,3}(?:[|\n\t]|$| {2})")
# What words of a kind say of the entities before them ends with what is said there of others:
# HBsAg(+) HCV(-), 哮喘史及肿瘤家族史.
FINDING = (
    re.compile(r"[阴阳]性|\(-\)"),
    re.compile(
        rf"(?<={ENTITY})[: ]{{0,2}}(?:[阴阳]性|\([^()\n{ENTITY}]{{0,4}}[+±-]\)|\d?[+±]{{1,4}}"
        r"|\(约?[1-9]\d{0,2}%[+]?\))"
    ),
)
HISTORY = re.compile("史$"), re.compile(rf"(?<={ENTITY})病?史")
# What is no word for the past of a relative: 既往高血压。其母有哮喘史.
OF_FAMILY = re.compile("(?:史|既往)$")
# What parts the names that a heading joins: 既往史及过敏史, 既往史同前.
JOINED = re.compile("及|和|与|同前|如下")
# Which places at the end of a clause these scopes ask for.
PLACES = {
    "answer": ("answer",),
    "last": ("closed", "open"),
    "closed": ("closed",),
    "open": ("open",),
}
# Stands in an entity that says several things, anywhere or before the word that counts.
SEVERAL = re.compile(r"[,。!?;\n]|(?<=.)[不未]伴")
ENUMERATED = re.compile("[、/]")
# How many characters an adjacent trigger may leave free.
GAP = 2
# How many a scope has at most, so that the time is linear in texts without punctuation, too.
REACH = 500


# attribute → the trigger's place
Assertion = dict[str, TextRange]


class ContextRules:
    """Applies triggers to the entities of texts.

    triggers (Iterable[Trigger]): a word may be several triggers.
    """

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        self.triggers = list(triggers)
        self._outside = TermMatcher(whole_words=False)
        self._inside = TermMatcher(whole_words=False)
        self._folding = Folding()
        self._folding.update({ord(pair[0]): ord(pair[1]) for pair in TRADITIONAL.split()})
        self._folding.update(dict.fromkeys(map(ord, DASHES), ord("-")))
        by_trigger = [
            (trigger, self._fold(word)) for trigger in self.triggers for word in trigger.words()
        ]
        self._inside.add((word, "trigger") for _, word in by_trigger)
        self._outside.add(
            (word, "trigger")
            for trigger, word in by_trigger
            if trigger.scope != "inside" and not _is_heading(trigger)
        )
        # By word: what it says beyond itself, within an entity, and as a heading; whose scopes it
        # ends and which.
        self._reaching: dict[str, list[Trigger]] = {}
        self._containing: dict[str, list[Trigger]] = {}
        self._heading: dict[str, list[Trigger]] = {}
        self._stopping: dict[str, list[tuple[str, str]]] = {}
        for trigger, word in by_trigger:
            if trigger.direction == "terminator":
                ended = [trigger.attribute] if trigger.attribute else ATTRIBUTES
                self._stopping.setdefault(word, []).extend((name, trigger.scope) for name in ended)
            elif trigger.direction != "pseudo":
                inside = self._containing if trigger.scope == "inside" else self._reaching
                by_word = self._heading if _is_heading(trigger) else inside
                by_word.setdefault(word, []).append(trigger)
        self._preceding = {
            after: re.compile("|".join(map(re.escape, self._fold(after).split())))
            for after in {trigger.after for trigger in self.triggers if trigger.after}
        }
        # Only entities, and texts, with one of these are looked at: far faster than the words.
        self._hint = re.compile(_initials(self._containing))
        self._heading_hint = re.compile(rf"{_initials(self._heading)}[\w ]{{0,20}}?[】\]:\s]")

    def __call__(self, text: str, entities: Sequence[TextRange]) -> list[Assertion]:
        """What the text says of each entity; of several triggers, the nearest one is named.

        entities (Sequence[TextRange]): may overlap, in any order.
        RETURNS (List[Assertion]): one an entity.
        """
        return self.find([text], [entities])[0]

    def find(
        self, texts: Sequence[str], entities: Sequence[Sequence[TextRange]]
    ) -> list[list[Assertion]]:
        """The same for each of several texts: far faster than one by one."""
        folded = [self._fold(text) for text in texts]
        masked = [mask(text, places) for text, places in zip(folded, entities, strict=True)]
        for number, text in enumerate(masked):
            read = part_fields(read_boxes(text))
            if read != text:
                folded[number], masked[number] = unmask(folded[number], read), read
        inside = self._find_inside(folded, entities)
        found = zip(folded, masked, entities, self._outside.find(masked), strict=True)
        return [
            self._assert(_Context(text, hidden, places), words, inside.get(owner, {}))
            if words or owner in inside or self._heading_hint.search(text)
            else [{} for _ in places]
            for owner, (text, hidden, places, words) in enumerate(found)
        ]

    def _fold(self, text: str) -> str:
        return PERIOD.sub("。", text.translate(self._folding))

    def _find_inside(
        self, texts: Sequence[str], entities: Sequence[Sequence[TextRange]]
    ) -> dict[int, dict[int, Assertion]]:
        """What words within entities say of them, by the numbers of the text and the entity."""
        found: dict[int, dict[int, Assertion]] = {}
        hinted = [
            (owner, number, text[place.start : place.end])
            for owner, (text, places) in enumerate(zip(texts, entities, strict=True))
            for number, place in enumerate(places)
            if self._hint.search(text, place.start, place.end)
        ]
        words = self._inside.find([entity for _, _, entity in hinted])
        for (owner, number, entity), places in zip(hinted, words, strict=True):
            origin = entities[owner][number].start
            assertion = self._assert_inside(entity, origin, places)
            if assertion:
                found.setdefault(owner, {})[number] = assertion
        return found

    def _assert_inside(self, entity: str, origin: int, places: Sequence[CharSpan]) -> Assertion:
        """What the first word that counts says of an entity that begins at ``origin``."""
        if SEVERAL.search(entity):
            return {}
        words = [entity[place.start : place.end] for place in places]
        stopped = {attribute for word in words for attribute, _ in self._stopping.get(word, ())}
        for place, word in zip(places, words, strict=True):
            if ENUMERATED.search(entity, 0, place.start):
                return {}
            fits = {"forward": place.end < len(entity), "backward": place.end == len(entity)}
            where = TextRange(origin + place.start, origin + place.end)
            assertion = {
                str(trigger.attribute): where
                for trigger in self._containing.get(word, ())
                if trigger.attribute not in stopped and fits.get(trigger.direction, True)
            }
            if assertion:
                return assertion
        return {}

    def _assert(
        self, context: "_Context", outside: Sequence[CharSpan], inside: dict[int, Assertion]
    ) -> list[Assertion]:
        """outside, inside: where words stand outside of entities, what they say within which."""
        assertions: list[Assertion] = [{} for _ in context.entities]
        places = [TextRange(start, end) for start, end, _ in outside]
        stops: dict[str | None, _Stops] = defaultdict(lambda: _Stops([], [], [], []))
        for place in places:
            for attribute, scope in self._stopping.get(context.text[slice(*place)], ()):
                stops[attribute].add(place, scope)
        for number, assertion in inside.items():
            assertions[number] |= assertion
            [place] = {*assertion.values()}
            if place.start == context.entities[number].start:
                places.append(place)
        match = PATIENT.match(context.text)
        patient = match and (match[1] or match[2])
        for place in places:
            word = context.text[place.start : place.end]
            for trigger in self._choose(self._reaching.get(word, ()), context, place):
                if patient and trigger.attribute == "family" and word in patient:
                    continue
                reached = context.reached(place, trigger, stops[trigger.attribute])
                self._note(context, assertions, trigger, place, reached)
        for entity, assertion in zip(context.entities, assertions, strict=True):
            asked = A_NOT_A.match(context.text, max(entity.end - 1, entity.start))
            if asked:
                assertion["uncertain"] = TextRange(entity.end, asked.end())
        if self._heading_hint.search(context.text):
            for section in find_sections(context.text, context.masked):
                names = dict.fromkeys((section.name, *JOINED.split(section.name)))
                for trigger in (each for name in names for each in self._heading.get(name, ())):
                    reached = context.under(section, stops[trigger.attribute])
                    if trigger.attribute == "uncertain":
                        reached = [i for i in reached if "negated" not in assertions[i]]
                    self._note(context, assertions, trigger, section.place, reached)
        for assertion in assertions:
            past = assertion.get("past")
            if past and "family" in assertion and OF_FAMILY.search(context.text, *past):
                del assertion["past"]
        return assertions

    def _choose(
        self, triggers: Sequence[Trigger], context: "_Context", place: TextRange
    ) -> Sequence[Trigger]:
        """Of what a word may say, what it says after the words that stand before it."""
        if not any(trigger.after for trigger in triggers):
            return triggers
        before = context.before(place)
        after = [t for t in triggers if t.after and self._preceding[t.after].search(before)]
        return after or [trigger for trigger in triggers if not trigger.after]

    def _note(
        self,
        context: "_Context",
        assertions: list[Assertion],
        trigger: Trigger,
        place: TextRange,
        reached: Iterable[int],
    ) -> None:
        """Let a trigger say what it says of the entities that it reaches, if it is the nearest."""
        attribute = str(trigger.attribute)
        endings = tuple(self._fold(trigger.ending).split())
        for number in reached:
            entity, assertion = context.entities[number], assertions[number]
            if endings and not context.text.endswith(endings, *entity):
                continue
            other = assertion.get(attribute)
            if other is None or _distance(place, entity) < _distance(other, entity):
                assertion[attribute] = place


def _is_heading(trigger: Trigger) -> bool:
    return trigger.scope == "section" and trigger.direction != "terminator"


def _initials(words: Iterable[str]) -> str:
    """A pattern of the characters that words begin with."""
    initials = "".join(re.escape(word[0]) for word in words)
    return f"[{initials}]" if initials else "(?!)"


class _Stops(NamedTuple):
    """Where terminators of an attribute start and end, in the order of the text; where those end
    that say otherwise of a list in a section, and where those start that end it."""

    starts: list[int]
    ends: list[int]
    in_section: list[int]
    of_section: list[int]

    def add(self, place: TextRange, scope: str) -> None:
        self.starts.append(place.start)
        self.ends.append(place.end)
        if scope == "list":
            self.in_section.append(place.end)
        elif scope == "section":
            self.of_section.append(place.start)


class _Context:
    """A folded text, the same without its entities, these, and the places where scopes end."""

    def __init__(self, text: str, masked: str, entities: Sequence[TextRange]) -> None:
        self.text = text
        self.masked = masked
        self.entities = entities
        self.order = sorted(range(len(entities)), key=lambda number: entities[number].start)
        self.starts = [entities[number].start for number in self.order]
        self.sentence_ends = [match.start() for match in SENTENCE_END.finditer(masked)]
        self.commas = [match.start() for match in COMMA.finditer(masked)]
        brackets = [match.span() for match in BRACKETS.finditer(masked) if ENTITY in match[0]]
        self.opened = [start for start, _ in brackets]
        self.closed = [end - 1 for _, end in brackets]
        self.items = [match.start() for match in ITEM.finditer(masked)]
        self.heads = [match.end() - 1 for match in HEAD.finditer(masked)]
        self.said = [
            (kind, [match.end() for match in said.finditer(masked)])
            for kind, said in (FINDING, HISTORY)
        ]

    def reached(self, place: TextRange, trigger: Trigger, stops: _Stops) -> list[int]:
        """The numbers of the entities in a trigger's scope."""
        reached: list[int] = []
        if self.masked[place.start] == ENTITY:
            return self._reached_from_inside(place, trigger, stops)
        role = self._role(place, trigger.direction)
        if trigger.scope in PLACES and role not in PLACES[trigger.scope]:
            return reached
        if trigger.direction in ("forward", "either") and role is None:
            end = self._end(place.end, trigger.scope)
            reached = self._between(place.end, _first(stops.starts, place.end, end))
        if trigger.direction == "backward" or (
            trigger.direction == "either" and not reached and self._looks_back(place, trigger)
        ):
            cell = self._cell(place)
            start = self._start(place.start if cell is None else cell, trigger.scope)
            if cell is not None:
                start = max(start, self.masked.rfind("  ", start, cell))
            for kind, ends in self.said:
                if kind.search(self.text, *place):
                    start = _last(ends, place.start + 1, start)
            # With a terminator directly before it, the word is about what is before that.
            reached = self._between(_last(stops.ends, place.start, start), place.start)
        if trigger.scope == "adjacent":
            reached = [i for i in reached if _distance(place, self.entities[i]) <= GAP]
        return reached

    def _reached_from_inside(self, place: TextRange, trigger: Trigger, stops: _Stops) -> list[int]:
        """Beyond the entity that begins with a trigger, nothing but a list is sure to be meant."""
        if trigger.direction not in ("forward", "either"):
            return []
        end = self._end(place.end, trigger.scope)
        listed = LISTED.match(self.masked, place.end, _first(stops.starts, place.end, end))
        reached = self._between(place.end, listed.end() if listed else place.end)
        return list(takewhile(lambda number: not self._is_statement(number), reached))

    def before(self, place: TextRange) -> str:
        """The sentence up to a place."""
        return self.masked[self._start(place.start, "sentence") : place.start]

    def under(self, section: Section, stops: _Stops) -> list[int]:
        """The entities of a section, but those behind a word that says otherwise of them."""
        start = section.place.end
        reached = self._between(start, _first(stops.of_section, start, section.end))
        return [number for number in reached if not self._is_excepted(number, start, stops)]

    def _is_excepted(self, number: int, first: int, stops: _Stops) -> bool:
        start = self.entities[number].start
        stop = _last(stops.in_section, start + 1, first)
        return first < stop and start < self._end(stop, "list")

    def _between(self, start: int, end: int) -> list[int]:
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return [number for number in self.order[first:last] if self.entities[number].end <= end]

    def _end(self, position: int, scope: str) -> int:
        """Where a scope ends that begins at a position."""
        last = _first(self.sentence_ends, position, min(len(self.text), position + REACH))
        last = min(self._brackets(position)[1], last)
        if scope == "sentence":
            return last
        if not NUMBERED.match(self.masked, position):
            last = _first(self.items, position + 1, last)
        end = _first(self.commas, position, last)
        if scope == "condition":
            return _first(self.commas, end + 1, last)
        if ENTITY not in self.masked[position:end]:  # what a list begins with is not known
            return end
        while scope == "list" and end < last:
            following = _first(self.commas, end + 1, last)
            if not self._is_list(end + 1, following):
                break
            end = following
        return end

    def _start(self, position: int, scope: str) -> int:
        """Where a scope begins that ends at a position."""
        first = _last(self.sentence_ends, position, max(-1, position - REACH - 1))
        first = max(self._brackets(position)[0], first)
        if scope == "sentence":
            return first + 1
        first = max(_last(self.heads, position, first), _last(self.items, position, first))
        start = _last(self.commas, position, first)
        is_list = scope == "list" and self._is_list(start + 1, position)
        while is_list and start > first:
            preceding = _last(self.commas, start, first)
            if not self._is_list(preceding + 1, start):
                break
            start = preceding
        return start + 1

    def _brackets(self, position: int) -> tuple[int, int]:
        """Where the brackets around a position stand that hold an entity; without any the ends of
        the text."""
        index = bisect_left(self.opened, position) - 1
        if index >= 0 and position <= self.closed[index]:
            return self.opened[index], self.closed[index]
        return -1, len(self.text)

    def _looks_back(self, place: TextRange, trigger: Trigger) -> bool:
        """Whether a word with no entity behind is about what is before."""
        return trigger.attribute != "negated" or ENDED.match(self.masked, place.end) is not None

    def _cell(self, place: TextRange) -> int | None:
        """Where the cell ends that a word answers which fills the next one: 咳嗽 | 无 |."""
        if not CELL_END.match(self.masked, place.end):
            return None
        parting = CELL.search(self.masked, max(place.start - 8, 0), place.start)
        return parting and parting.start()

    def _role(self, place: TextRange, direction: str) -> str | None:
        """Whether a word is an answer, or the last of a clause, closed or open, and looks back as
        such."""
        before = self.masked[max(place.start - 2, 0) : place.start]
        if TOLD.search(self.masked, max(place.start - 5, 0), place.start):
            end = (CLOSED if direction == "either" else LAST).match(self.masked, place.end)
            return end and ("closed" if end[0].strip("\n") or self._is_told(place) else "open")
        if self._cell(place) is not None:
            return "answer"
        is_answer = before.rstrip().endswith(ASKED) and (
            ANSWERED.match(self.masked, place.end)
            or (before == f"{ENTITY}:" and self.masked[place.end].isspace())
        )
        return "answer" if is_answer else None

    def _is_told(self, place: TextRange) -> bool:
        """Whether a patient says it, who answers rather than asks."""
        return TOLD_BY.match(self.masked, self.masked.rfind("\n", 0, place.start) + 1) is not None

    def _is_list(self, start: int, end: int) -> bool:
        return LIST.fullmatch(self.masked, start, end) is not None and not any(
            map(self._is_statement, self._between(start, end))
        )

    def _is_statement(self, number: int) -> bool:
        start, end = self.entities[number]
        return STATEMENT.search(self.text[start:end]) is not None


def _first(places: Sequence[int], position: int, default: int) -> int:
    """The first of sorted places from a position on."""
    index = bisect_left(places, position)
    return min(places[index], default) if index < len(places) else default


def _last(places: Sequence[int], position: int, default: int) -> int:
    """The last of sorted places before a position."""
    index = bisect_left(places, position)
    return max(places[index - 1], default) if index else default


def _distance(place: TextRange, entity: TextRange) -> int:
    return max(entity.start - place.end, place.start - entity.end)
