"""What a form hears in a message before anything else is asked of it: yes and no, stop and resume, a correction, a question."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from bot.answer import Answer, Reply
from proof_catalogue.text import clean, simplify

_MARKS = re.compile(r"[\s,，。.!！~～;；、…:：\"'“”‘’「」*_-]+")
_QUESTION = re.compile(
    r"[?？]|吗|[么伐嘛呢]$|怎么|怎样|咋|啥|什么|为何|多久|多少|(?<!过)几[天个年]|几[钿点时]|哪[里儿个些]?|谁|能不能|可不可以|会不会|要不要|是不是|有没有|行不行|"
    r"好不好|需不需|该不该|能否|是否|(?:要|行|能|会|可以)不$"
)
_SLIP = r"(?:写|填|输|打|弄|搞|说|报|念|选|录|敲)"
_WRONG = (
    rf"改成|改为|换成|应该是|应该叫|应为|应是|{_SLIP}?(?:错|反|岔)(?:了|啦|掉|的)?|{_SLIP}漏了?|不对|有误|不准确|不正确|"
    r"要?改(?:一?下|掉|一改)?|修改|更正|重新?[填写输]|不是"
)
_SLIPPED = re.compile(
    rf"^(?:不好意思|等一?下|哎呀?|啊|抱歉|糟了?)?[,，。 ]*(?:我|刚才|刚刚|上一?[个条步]|上面|前面|那个|的)*{_SLIP}(?:错|反|岔)了?[,，。 ]*"
)
_INSTEAD = re.compile(r"^不(?:是|叫)(?P<old>[^,，。 ]{1,12}?)[,，。 ]*(?:而?是|叫|我叫)(?P<new>.+)$")
_CHANGE = r"(?:改|修改|更正|重填|重新填|换|更换)(?:一?下|个)?(?:我的|一下|那个)?"

_RELATIVE = (
    r"(?:妈妈?|母亲|娘|爸爸?|父亲|爷爷|奶奶|外公|外婆|姥姥|姥爷|公公|婆婆|岳父|岳母|老公|丈夫|老婆|妻子|爱人|对象|儿子|女儿|孩子|小孩|娃|孙子|孙女|"
    r"哥哥?|姐姐?|弟弟?|妹妹?|舅舅?|叔叔?|姑姑?|阿姨|姨|伯伯?|朋友|同事|邻居|亲戚|别人|他人|老人家?|老板|客户|家里?人|他|她)"
)
_STAND_IN = re.compile(
    rf"(?:帮|替|代)(?:着|我|我们|咱)?(?:家|的)?{_RELATIVE}.{{0,8}}?(?:承诺|签|填|写|办|弄|做)|代(?:为)?(?:承诺|签)|"
    rf"(?:我|俺|咱)(?:家|们)?的?{_RELATIVE}的?(?:身份证|证件|名字|姓名)"
)


@dataclass(frozen=True)
class Correction:
    """A field that the citizen takes back, and the rest of the sentence, which may hold the new value."""

    field: str | None  # None: what was answered last
    rest: str


@functools.lru_cache(maxsize=1)
def _phrases() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("phrases.yml").read_text(encoding="utf-8"))


def _any_of(words: list[str]) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))


@functools.lru_cache(maxsize=8)
def _pattern(kind: str) -> tuple[re.Pattern[str], frozenset[str]]:
    held = _phrases()
    core, around = held[kind]["core"], [*held["around"], *held[kind]["around"]]
    return re.compile(_any_of([*core, *around])), frozenset(core)


def _made_of(kind: str, said: str) -> bool:
    """Return whether `said` consists of the words of `kind` and nothing else, with a core word and none of `without`."""
    pattern, core = _pattern(kind)
    if any(word in said for word in _phrases()[kind]["without"]):
        return False
    found = pattern.findall(said)
    return "".join(found) == said and any(word in core for word in found)


def _holds(kind: str, said: str) -> bool:
    return any(word in said for word in _phrases()[kind])


def plain(text: str) -> str:
    """Return the form in which sentences are compared: cleaned, simplified, lower case."""
    return simplify(clean(text)).lower()


def bare(text: str) -> str:
    """Return `plain` text without spaces and punctuation."""
    return _MARKS.sub("", plain(text))


def asks(text: str) -> bool:
    """Return whether a sentence is worded as a question."""
    return bool(_QUESTION.search(plain(text).rstrip("。.!！~～ ")))


def says_yes(text: str) -> bool:
    """Return whether a sentence is a clear yes; a mere 嗯 or 知道了 is not one."""
    return not asks(text) and _made_of("yes", bare(text)) and not only_understood(text)


def says_no(text: str) -> bool:
    """Return whether a sentence is a clear no."""
    return not asks(text) and _made_of("no", bare(text))


def only_understood(text: str) -> bool:
    """Return whether a sentence says that something was heard, and nothing of consent: 嗯, 知道了."""
    return not re.sub(_any_of(_phrases()["understood"]), "", bare(text))


def stops(text: str) -> bool:
    """Return whether the citizen breaks off, or wants to think about it; what was filled in is to be kept."""
    said = bare(text)
    return not asks(text) and (_made_of("stop", said) or (len(said) <= 20 and _holds("later", said)))


def discards(text: str) -> bool:
    """Return whether the citizen wants what was filled in to be deleted for good."""
    said = bare(text)
    return not asks(text) and len(said) <= 20 and _holds("discard", said)


def resumes(text: str) -> bool:
    """Return whether the citizen wants to go on with what was broken off."""
    return not asks(text) and _made_of("resume", bare(text))


def small_words(text: str) -> bool:
    """Return whether a short sentence is thanks, a greeting or a call for a person, which no field wants."""
    said = bare(text)
    return len(said) <= 12 and _holds("small", said)


def is_stand_in(text: str) -> bool:
    """Return whether someone means to pledge for another person."""
    return bool(_STAND_IN.search(clean(text)))


def corrects(text: str, fields: tuple[str, ...]) -> Correction | None:
    """Return which of `fields` the citizen takes back, or None: 名字写错了, 身份证号改成…, 刚才填错了."""
    whole, sentence = clean(text), plain(text)
    if len(whole) != len(sentence):
        whole = sentence
    known = _phrases()["fields"]
    for field in (f for f in fields if f in known):
        words = _any_of(known[field])
        denied = re.search(
            rf"(?:{words})不(?:是|叫)[^,，。 ]*(?:[,，。 ]*而?(?:是|叫)(?P<new>.+))?$", sentence
        )
        if denied:
            new = denied.group("new")
            return Correction(field, whole[denied.start("new") :] if new else "")
        match = re.search(rf"(?:{words})[^,，。]{{0,6}}?(?:{_WRONG})", sentence) or re.search(
            rf"{_CHANGE}(?:{words})(?:改?[成为])?", sentence
        )
        if match:
            return Correction(field, whole[match.end() :])
    slipped = _SLIPPED.match(sentence)
    return Correction(None, whole[slipped.end() :]) if slipped else None


def replaces(text: str, old: str) -> str | None:
    """Return what takes the place of `old` in a sentence such as 不是张三，是张山; None where `old` is not what is taken back."""
    match = _INSTEAD.match(clean(text))
    return match.group("new") if match and simplify(match.group("old")) == simplify(old) else None


# --- one open form -------------------------------------------------------------------------------------------------


@dataclass
class Talk:
    """One conversation as the paths see it: whose it is, where, what it is about, and the form that is open or set aside."""

    owner: str
    region: str | None
    row: str | None = None  # the requirement that was answered last
    form: dict[str, Any] | None = (
        None  # {"name", "asks", "paused", …}; personal values only in forms that are no case yet
    )

    @property
    def open(self) -> dict[str, Any] | None:
        """The form that is being filled in, not one that was set aside."""
        return self.form if self.form and not self.form.get("paused") else None


@dataclass(frozen=True)
class Given:
    """What an answer gave: values by field, words on why some of it will not do, and the field that those are about."""

    values: dict[str, str]
    errors: tuple[str, ...] = ()
    field: str | None = None


class Form(Protocol):
    """A form as the desk leads through it: fields in order, one question at a time."""

    name: str
    fields: tuple[str, ...]  # asked one by one, in this order
    extras: tuple[str, ...]  # taken at any time, never asked

    def given(self, talk: Talk) -> dict[str, str]:
        """Return the confirmed values."""

    def question(self, talk: Talk, field: str) -> Reply:
        """Return the question for `field`."""

    def read(self, talk: Talk, field: str, text: str, sure: bool = False) -> Given | None:
        """Return what `text` gives for `field` and others, or None where it is no answer; `sure` if it can be nothing else."""

    def keep(self, talk: Talk, values: dict[str, str]) -> list[str] | Answer:
        """Keep confirmed values; return lines to say about them, or the answer that ends the form."""

    def finish(self, talk: Talk) -> Answer:
        """Return the answer that closes the complete form."""

    def refuse(self, talk: Talk) -> Answer | None:
        """Return the answer to a no in the last question, or None where no is no answer there."""

    def drop(self, talk: Talk) -> None:
        """Delete what was filled in."""
