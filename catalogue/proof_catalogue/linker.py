"""Finds proof, matter, region and issuer in a sentence, with spaCy's PhraseMatcher, cues and mended spelling."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .regions import Region, Regions
from .spelling import Speller
from .text import canonical, cutter
from .vocabulary import Cue, Term

# Who is said to issue or stamp the paper; decides between the wrong-issuer rows.
_ISSUERS = {
    "not_issued_by_village": re.compile(
        r"村里|村委|村民委员会|居委|居民委员会|社区|村干部|村上|大队|小区盖章|街道盖章|村书记|书记盖章"
    ),
    "not_issued_by_police": re.compile(r"派出所|公安|警察|户籍民警|民警|户籍科|警务"),
}
_PAPER = re.compile(r"证明|公证|声明|证件|[\u4e00-\u9fff]证(?![书件据])|凭证|材料|盖章|开个?单|报告|复印件")


@dataclass(frozen=True)
class Mention:
    """A term found in a sentence: which characters say it, and how (name, cue or row)."""

    term: Term
    start: int
    end: int
    how: str
    covered: frozenset[int] = field(repr=False)

    @property
    def weight(self) -> int:
        """How many characters of the sentence say so."""
        return len(self.covered)


@dataclass(frozen=True)
class Links:
    """What a sentence names. `text` is the canonical, mended sentence; all offsets are in it."""

    text: str
    proofs: tuple[Mention, ...] = ()
    matters: tuple[Mention, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)  # row id → characters of the longest own alias found
    regions: tuple[tuple[Region, int, int], ...] = ()
    region: Region | None = None  # of those the one that is asked about
    issuers: tuple[str, ...] = ()
    says_paper: bool = False

    @property
    def names_matter(self) -> bool:
        """Whether a matter of its own is named, and not only a catch-all."""
        return any(not m.term.generic for m in self.matters)

    @property
    def residue(self) -> str:
        """What is left of the sentence when names, places and small words are taken out."""
        gone = {i for m in (*self.proofs, *self.matters) for i in m.covered}
        gone |= {i for _, start, end in self.regions for i in range(start, end)}
        gone |= {
            i for pattern in _ISSUERS.values() for m in pattern.finditer(self.text) for i in range(*m.span())
        }
        left = "".join(" " if i in gone else c for i, c in enumerate(self.text))
        return re.sub(r"\s+", " ", SMALL.sub(" ", left)).strip()

    def json(self) -> dict[str, Any]:
        """Return a form that travels in a parse result; `read_links` turns it back."""

        def mentions(found: tuple[Mention, ...]) -> list[list[Any]]:
            return [[m.term.name, m.start, m.end, m.how, sorted(m.covered)] for m in found]

        return {
            "text": self.text,
            "proofs": mentions(self.proofs),
            "matters": mentions(self.matters),
            "rows": self.rows,
            "regions": [[r.code, start, end] for r, start, end in self.regions],
            "region": self.region.code if self.region else None,
            "issuers": list(self.issuers),
            "says_paper": self.says_paper,
        }


def read_links(
    value: dict[str, Any], terms: dict[tuple[str, str], Term], rows: Container[str], regions: Regions
) -> Links:
    """Return the links that `Links.json` wrote, as far as this catalogue has their terms, rows and regions."""

    def mentions(kind: str, found: list[list[Any]]) -> tuple[Mention, ...]:
        return tuple(
            Mention(terms[kind, n], s, e, how, frozenset(c))
            for n, s, e, how, c in found
            if (kind, n) in terms
        )

    return Links(
        text=value["text"],
        proofs=mentions("proof", value["proofs"]),
        matters=mentions("matter", value["matters"]),
        rows={i: n for i, n in value["rows"].items() if i in rows},
        regions=tuple((regions.get(c), s, e) for c, s, e in value["regions"] if c in regions),
        region=regions.get(value["region"]) if value["region"] in regions else None,
        issuers=tuple(value["issuers"]),
        says_paper=bool(value["says_paper"]),
    )


_ABROAD = "外国"  # in cues
_FRAGMENT_CUT = re.compile(r"\s+|那个|这个|换成|改成|如果|是|做|呢|吧|么|另外|还有")
SMALL = re.compile(
    r"[^\u4e00-\u9fffa-z0-9]|请问|你好|您好|现在|还要不要|要不要|需不需要|用不用|是不是|是否|需要|还要|必须|一定|一样|一回事|同样|怎么办|怎么|怎样|咋办|咋|哪里|哪儿|哪个|哪些|哪家|哪|什么|啥|"
    r"可以|能不能|可不可以|吗|呢|吧|啊|呀|嘛|伐|么|咧|呗|不|没有|没|有|的|了|要|去|来|给|到|在|和|跟|或|把|被|让|叫|说|我|你|他|她|们|俺|咱|这|那|个|张|份|些|里|上|下|就|都|也|还|又|再|才|会|能|得|该|用|拿|交|带|开|办|出|证明|材料|手续|单位|部门|窗口|一下|一个|时候|想|问|知道|办理|申请|提供|提交|出具|盖章"
)


class Linker:
    """Matches the vocabulary against sentences; built once, safe to share between threads."""

    def __init__(
        self,
        terms: list[Term],
        row_names: Iterable[tuple[str, str]],
        matters: Iterable[str],
        regions: Regions,
    ):
        import spacy
        from spacy.matcher import PhraseMatcher
        from spacy.tokens import Doc

        self._Doc = Doc

        self._regions = regions
        self._terms = {(t.kind, t.name): t for t in terms}
        self._cued = [(t, _spread(cue, regions.abroad)) for t in terms for cue in t.cues]
        # Alternative → the cues and parts it stands in; by first character, so that a sentence is read once.
        self._parts: dict[str, list[tuple[int, int]]] = {}
        for number, (_, cue) in enumerate(self._cued):
            for part, alternatives in enumerate(cue):
                for alternative in alternatives:
                    self._parts.setdefault(alternative, []).append((number, part))
        self._by_first: dict[str, list[str]] = {}
        for alternative in self._parts:
            self._by_first.setdefault(alternative[0], []).append(alternative)
        self._nlp = spacy.blank("zh")
        self._matcher = PhraseMatcher(self._nlp.vocab)
        for term in terms:
            for name in term.names:
                self._add(f"{term.kind}\t{term.name}", canonical(name))
        self._rows_of: dict[str, list[str]] = {}
        for row_id, name in row_names:
            owners = self._rows_of.setdefault(canonical(name), [])
            if row_id not in owners[-1:]:
                owners.append(row_id)
        for name in self._rows_of:
            self._add(f"row\t{name}", name)
        said = [w for _, cue in self._cued for part in cue for w in part]
        self._speller = Speller(self._words(terms), (*self._rows_of, *matters, *said), regions.spoken())

    def _add(self, key: str, phrase: str) -> None:
        if len(phrase) >= 2:
            self._matcher.add(key, [self._doc(phrase)])

    def _doc(self, text: str) -> Any:
        # One token a character, which is what makes matches exact on Chinese; blank("zh") does the same, only slower.
        return self._Doc(self._nlp.vocab, words=list(text), spaces=[False] * len(text))

    @staticmethod
    def _words(terms: list[Term]) -> set[str]:
        words: set[str] = set()
        for term in terms:
            for name in term.names:
                words.add(name)
                words.update(cutter().cut(name))
            for cue in term.cues:
                words.update(w for part in cue for w in part if len(w) > 2)
        # Everyday words of two characters are what other everyday words would be taken for a slip of (盖个 → 改个).
        return {
            w for w in words if len(w) > 2 or (len(w) == 2 and not set(w) & set("了个一我你他她的是这那"))
        }

    def mend(self, text: str) -> str:
        """Return the canonical form of `text` with homophones and pinyin of catalogue words mended."""
        return self._speller.mend(canonical(text))

    def link(self, text: str) -> Links:
        """Return what `text` names. Any text is accepted; nothing found gives empty links."""
        mended = self.mend(text)
        doc = self._doc(mended)
        mentions: list[Mention] = []
        rows: dict[str, int] = {}
        for key, first, last in self._matcher(doc):
            kind, name = self._nlp.vocab.strings[key].split("\t")
            start, end = first, last
            if kind == "row":
                for row_id in self._rows_of[name]:
                    rows[row_id] = max(rows.get(row_id, 0), end - start)
            else:
                mentions.append(
                    Mention(self._terms[kind, name], start, end, "name", frozenset(range(start, end)))
                )
        mentions += self._cues(mended)
        proofs = _widest([m for m in mentions if m.term.kind == "proof"])
        # 失业登记 inside 失业登记证明 is the paper's name, not what the citizen wants done.
        paper = frozenset().union(*(m.covered for m in proofs if m.how == "name"))
        matters = [m for m in mentions if m.term.kind == "matter" and _beside(m, paper)]
        places = self._regions.find(mended)
        return Links(
            text=mended,
            proofs=proofs,
            matters=_apart(_widest(matters)),
            rows=rows,
            regions=tuple(places),
            region=self._regions.asked_about(mended, places),
            issuers=tuple(k for k, pattern in _ISSUERS.items() if pattern.search(mended)),
            says_paper=bool(_PAPER.search(mended)),
        )

    def fragments(
        self, links: Links, proof: Term | None, matter: Term | None
    ) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
        """Return proofs and matters that a follow-up names by a part of their name only (单身那个呢, 那离婚呢).

        A term that shares a row with the `matter` or `proof` talked about comes before all others; without such a one,
        a part that many names hold says nothing.
        """
        pieces = (p for p in _FRAGMENT_CUT.split(links.residue) if 2 <= len(p) <= 8)
        for piece in sorted(pieces, key=len, reverse=True):
            ranked: list[tuple[float, Term]] = []
            for term in self._terms.values():
                other = matter if term.kind == "proof" else proof
                joint = 2.5 if other and set(term.requirements) & set(other.requirements) else 0.0
                if matter and term.kind == "matter" and term.name[-2:] == matter.name[-2:]:
                    joint += 0.7  # 结婚登记 → 那离婚呢 is 离婚登记
                if term.name.startswith(piece):
                    ranked.append((3.0 + joint, term))
                elif piece in term.name:
                    ranked.append((2.0 + joint, term))
                elif any(piece in n for n in term.names):
                    ranked.append((1.0 + joint, term))
            ranked.sort(key=lambda pair: -pair[0])
            if ranked and (ranked[0][0] > 2 or len(ranked) == 1):
                term = ranked[0][1]
                at = max(0, links.text.find(piece))
                mention = Mention(term, at, at + len(piece), "part", frozenset(range(at, at + len(piece))))
                return ((mention,), ()) if term.kind == "proof" else ((), (mention,))
        return (), ()

    def _cues(self, text: str) -> list[Mention]:
        said: dict[int, dict[int, tuple[int, int]]] = {}
        for at, character in enumerate(text):
            for alternative in self._by_first.get(character, ()):
                if text.startswith(alternative, at):
                    for number, part in self._parts[alternative]:
                        # Of the alternatives of a part the longest counts, of equals the first one said.
                        held = said.setdefault(number, {}).get(part)
                        if held is None or len(alternative) > held[1]:
                            said[number][part] = (at, len(alternative))
        found = []
        for number, parts in said.items():
            term, cue = self._cued[number]
            if len(parts) == len(cue):
                covered = {i for at, size in parts.values() for i in range(at, at + size)}
                found.append(Mention(term, min(covered), max(covered) + 1, "cue", frozenset(covered)))
        return found


def _spread(cue: Cue, abroad: Iterable[str]) -> Cue:
    """Return `cue` where 外国 stands for each place abroad too (外国人 → 荷兰人)."""
    places = (_ABROAD, *abroad)
    return tuple(
        tuple(w.replace(_ABROAD, place) for w in part for place in (places if _ABROAD in w else places[:1]))
        for part in cue
    )


def _beside(mention: Mention, paper: frozenset[int]) -> bool:
    """Return whether a matter is said beside the paper's name and not only within it."""
    return not mention.covered & paper or len(mention.covered - paper) >= 2


def _apart(mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """Drop a mention that shares characters with a weightier one: 公积金贷款 is not also a bank loan.

    A name outweighs a cue, unless the cue says all of the name and more than is said of the name's own term.
    """

    def outweighs(one: Mention, other: Mention) -> bool:
        if one.how == "name" and other.how == "cue":
            return not _says_more(other, one)
        if one.how == "cue" and other.how == "name":
            return _says_more(one, other)
        return one.weight > other.weight

    return tuple(
        m
        for m in mentions
        if not any(m.covered & o.covered and outweighs(o, m) for o in mentions if o is not m)
    )


def _says_more(cue: Mention, name: Mention) -> bool:
    return cue.weight > name.weight and cue.covered.issuperset(range(name.start, name.end))


def _widest(mentions: list[Mention]) -> tuple[Mention, ...]:
    """Keep of each term its widest mention, and drop mentions whose characters a wider one says too."""
    best: dict[str, Mention] = {}
    for mention in mentions:
        held = best.get(mention.term.name)
        if held is None:
            best[mention.term.name] = mention
        elif held.how == mention.how:
            widest = max(held, mention, key=lambda m: m.weight)
            # Two cues of one term say it together; a name is said once.
            both = held.covered | mention.covered if held.how == "cue" else widest.covered
            best[mention.term.name] = replace(widest, covered=both)
        else:
            # Said by name and by a cue: it is a name, and what the cue says belongs to it.
            name, cue = (held, mention) if held.how == "name" else (mention, held)
            best[mention.term.name] = replace(name, covered=name.covered | cue.covered)
    kept = [m for m in best.values() if not any(m.covered < other.covered for other in best.values())]
    return tuple(sorted(kept, key=lambda m: (m.start, -m.weight)))
