"""Mending homophones and pinyin (户藉 → 户籍, wufanzui → 无犯罪) against the catalogue's own words."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator

from .text import cutter

# Southern speakers and voice input mix these; they are equal when words are compared.
_FOLD = [("zh", "z"), ("ch", "c"), ("sh", "s"), ("ing", "in"), ("eng", "en"), ("ang", "an")]
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_COMMON = 100  # how often jieba has met a word that pinyin may stand for
_LATIN = re.compile(r"[a-z][a-z' ]*[a-z]")
# Small words of a question, for messages typed in pinyin.
_PARTICLES = {
    "yao": "要", "ma": "吗", "kai": "开", "ban": "办", "qu": "去", "na": "哪", "li": "里", "hai": "还", "bu": "不", "wo": "我", "ni": "你", "wo ma": "我妈",
    "wo ba": "我爸", "ni ma": "你妈", "si le": "死了", "qu qian": "取钱", "qian": "钱", "cha": "查", "yi xia": "一下", "xiang": "想", "jiu": "就", "bang": "帮", "shi": "是", "zai": "在", "de": "的", "you": "有",
    "mei": "没", "zen": "怎", "me": "么", "shang": "上", "xu": "需", "shui": "谁", "xue": "学",
}  # fmt: skip


@functools.lru_cache(maxsize=20_000)
def _rare(character: str) -> bool:
    """Return whether `character` is a Chinese one outside the 3,755 common ones, the first level of GB 2312."""
    if not _HAN.match(character):
        return False
    try:
        return character.encode("gb2312")[0] >= 0xD8
    except UnicodeEncodeError:
        return True


def fold(syllable: str) -> str:
    """Return a pinyin syllable with the sounds merged that are commonly confused."""
    for whole, merged in _FOLD:
        syllable = syllable.replace(whole, merged)
    return syllable


def syllables(text: str) -> list[str]:
    """Return one folded syllable a character of `text`; characters without a reading stand for themselves."""
    from pypinyin.seg import simpleseg

    # Names are made of the same words again and again, and reading one takes much longer than cutting.
    return [s for word in simpleseg.seg(text) for s in _read(word)]


@functools.lru_cache(maxsize=20_000)
def _read(word: str) -> tuple[str, ...]:
    return tuple(map(fold, _plainly(word)))


def _plainly(word: str) -> list[str]:
    from pypinyin import lazy_pinyin

    return lazy_pinyin(word, errors=list)  # type: ignore[arg-type]


# English words that are pinyin too.
_ENGLISH = frozenset({
    "a", "an", "ban", "bang", "can", "change", "china", "dance", "dang", "date", "delete", "face", "fan", "game", "gate", "he", "hen", "line", "long",
    "mama", "man", "me", "men", "mine", "name", "nice", "nine", "pan", "pen", "ran", "sale", "same", "sang", "she", "tea", "women", "yes", "you",
})  # fmt: skip
_MOST_SYLLABLES = 6  # of a word looked for in pinyin
_LONGEST_SYLLABLE = 6  # zhuang
# Costs are negative logarithms of how often a word is used: 的 5.2, 看病 11.6.
_OWN_COST, _PARTICLE_COST, _FOLD_COST = 4.0, 6.0, 4.0


@functools.lru_cache(maxsize=1)
def _syllable_set() -> frozenset[str]:
    """All syllables without tones, as pypinyin reads the common characters."""
    common = (
        bytes((high, low)).decode("gb2312", "ignore")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
    )
    return frozenset(s for s in _plainly("".join(common)) if s.isascii() and s.isalpha()) - {
        "n",
        "m",
        "ng",
        "hm",
        "hng",
        "o",
        "e",
    }


@functools.lru_cache(maxsize=1)
def _common() -> dict[tuple[str, ...], tuple[str, float]]:
    """Syllables → jieba's most frequent word of that sound with its cost. Takes a second, once a process, when pinyin is first met.

    Under folded syllables stand words that sound alike to many, at a higher cost.
    """
    jieba = cutter()
    jieba.initialize()
    found: dict[tuple[str, ...], tuple[str, float]] = {}
    for word, often in jieba.dt.FREQ.items():
        if often >= _COMMON and len(word) <= 4 and _HAN.fullmatch(word):
            said = tuple(_plainly(word))
            cost = -math.log(often / jieba.dt.total)
            for key, more in ((said, 0.0), (tuple(map(fold, said)), _FOLD_COST)):
                if key not in found or cost + more < found[key][1]:
                    found[key] = (word, cost + more)
    return found


def _readings(letters: str, ends: set[int], start: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every run of syllables from `start`: where it ends, and its syllables. No syllable goes across an end of a piece."""
    open_runs: list[tuple[int, tuple[str, ...]]] = [(start, ())]
    while open_runs:
        at, key = open_runs.pop()
        for end in range(at + 1, min(at + _LONGEST_SYLLABLE, len(letters)) + 1):
            if letters[at:end] in _syllable_set():
                longer = (*key, letters[at:end])
                yield end, longer
                if len(longer) < _MOST_SYLLABLES:
                    open_runs.append((end, longer))
            if end in ends:
                break


# Common characters that people do not type by mistake for another: 买房 is never a slip for 卖房, 先 none for 想.
_RIGHT = frozenset(
    "买卖先想还孩不补几交叫才菜县现等登份分伐发的了吗呢吧要去来给到在和跟或把被让我你他她它这那个张些里上下就都也又再会能得该用拿带开办"
    "出有没是为什么怎谁哪多少前后大小新老人家年月日一二三四五六七八九十做作读写看问说"
    "死打讲税像响搬拍抢省完放进早证钱驾亮涨腿声关间往拆签骂亲加自活剩摇练扮钻搭逃留重纸派嫌"
)


class Speller:
    """Replaces runs that sound like a catalogue word by that word, one character for one."""

    MIN_COMMON = 20

    def __init__(self, words: Iterable[str], right: Iterable[str] = (), places: Iterable[str] = ()):
        words = set(words)
        self._places = {tuple(syllables(p)): p for p in places}
        self._words: dict[tuple[str, ...], str] = {}
        # Whatever stands in a name of the catalogue is spelt right.
        spelt = (*words, *right)
        self._parts = {w[i : i + n] for w in spelt for n in range(2, 9) for i in range(len(w) - n + 1)}
        self._known: set[str] = set()
        for word in sorted(words, key=lambda w: (-len(w), w)):
            if 2 <= len(word) <= 8 and _HAN.fullmatch(word):
                key = tuple(syllables(word))
                self._words.setdefault(key, word)
                self._known.add(word)
        # A rare character within a longer word is a slip of the eye or the pen (关糸 → 关系).
        self._with_gap: dict[str, set[str]] = {}
        for word in (w for w in words if 4 <= len(w) <= 8 and _HAN.fullmatch(w)):
            for at in range(len(word)):
                self._with_gap.setdefault(f"{word[:at]}_{word[at + 1 :]}", set()).add(word)
        self._longest = max((len(k) for k in self._words), default=0)

    def mend(self, text: str) -> str:
        """Return `text` with homophones of catalogue words mended; the length stays where there is no pinyin in it."""
        if _LATIN.search(text):
            text = _LATIN.sub(lambda m: self._from_pinyin(m.group()), text)
        for at, character in enumerate(text):
            if _rare(character):
                text = self._without_rare(text, at)
        return _HAN.sub(lambda m: self._mend_run(m.group()), text)

    def _without_rare(self, text: str, at: int) -> str:
        """Return `text` with the character at `at` mended, where just one word has another there; the longest word counts."""
        for size in range(8, 3, -1):
            for start in range(max(0, at - size + 1), min(at, len(text) - size) + 1):
                window = text[start : start + size]
                found = self._with_gap.get(f"{window[: at - start]}_{window[at - start + 1 :]}", ())
                if window not in self._parts and len(found) == 1:
                    (word,) = found
                    return text[:start] + word + text[start + size :]
        return text

    def _mend_run(self, run: str) -> str:
        jieba = cutter()
        borders, at = {0}, 0
        common: list[tuple[int, int]] = []
        for token in jieba.cut(run):
            if len(token) > 1 and (jieba.dt.FREQ.get(token) or 0) >= self.MIN_COMMON:
                common.append((at, at + len(token)))
            at += len(token)
            borders.add(at)
        sounds = syllables(run)
        if len(sounds) != len(run):
            return run
        made, start = list(run), 0
        while start < len(run):
            step = 1
            for size in range(min(self._longest, len(run) - start), 1, -1):
                window = run[start : start + size]
                if window in self._known or window in self._parts:
                    step = 1 if window not in self._known else size
                    if step > 1:
                        break
                    continue
                word = self._words.get(tuple(sounds[start : start + size]))
                if not word or not self._plausible(window, word):
                    continue
                end = start + size
                whole = start in borders and end in borders
                # A common word inside may be half of the slip (公鸡|金), but never all of it nor cut by it.
                if whole and (start, end) not in common:
                    made[start:end] = word
                    step = size
                    break
            start += step
        return "".join(made)

    @staticmethod
    def _plausible(window: str, word: str) -> bool:
        if any(a != b and a in _RIGHT for a, b in zip(window, word, strict=True)):
            return False
        same = sum(a == b for a, b in zip(window, word, strict=True))
        return same >= (1 if len(word) <= 3 else len(word) // 2)

    def _from_pinyin(self, run: str) -> str:
        """Return `run` as the likeliest words that sound so; as it is where a piece is no pinyin or nothing but single characters comes of it."""
        if run in _ENGLISH:
            return run
        pieces = re.split(r"[' ]+", run)
        letters = "".join(pieces)
        ends = set(itertools.accumulate(map(len, pieces)))
        # The best words from each letter on, told from the end.
        best: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
        for start in range(len(letters) - 1, -1, -1):
            found: list[tuple[float, tuple[str, ...]]] = [(math.inf, ())]
            for end, key in _readings(letters, ends, start):
                word, cost = self._word(key)
                rest, words = best[len(letters) - end]
                if word:
                    found.append((cost + rest, (word, *words)))
            best.append(min(found))
        words = best[-1][1]
        return "".join(words) if any(len(w) > 1 for w in words) else run

    def _word(self, key: tuple[str, ...]) -> tuple[str, float]:
        """Return the likeliest word of these sounds and what it costs; the catalogue's own and small words come before others."""
        folded = tuple(map(fold, key))
        own = self._words.get(folded) or self._places.get(folded)
        if own:
            return own, _OWN_COST + len(key)
        small = _PARTICLES.get(" ".join(key))
        if small:
            return small, _PARTICLE_COST
        return _common().get(key) or _common().get(folded, ("", 0.0))
