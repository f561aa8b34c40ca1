"""Decisions: a truth table, and what holds for every row and every place."""

import pytest

from proof_catalogue.decide import Question, decide
from proof_catalogue.linker import Links, Mention
from proof_catalogue.vocabulary import Term

CITIES = [f"33{n:02d}00" for n in range(1, 12)]
COUNTIES = ["330108", "330782", "330522", "330702", "330604"]
ELSEWHERE = ["310000", "320000", "320100", "110000", "420100", "440000", "430700"]


def mention(term: Term, at: int = 0) -> Mention:
    end = at + len(term.name)
    return Mention(term, at, end, "name", frozenset(range(at, end)))


def question(catalogue, proof=None, matter=None, region=None, wants="ask_need_proof", **links):
    """A question that names just these terms, as if the linker had found them."""
    names = [catalogue.term["proof", proof]] if proof else []
    things = [catalogue.term["matter", matter]] if matter else []
    text = "".join(t.name for t in (*names, *things))
    found = Links(
        text,
        proofs=tuple(mention(t) for t in names),
        matters=tuple(mention(t, len(text) - len(t.name)) for t in things),
        says_paper=bool(names),
        **links,
    )
    return Question(found, region, wants)


def answer(catalogue, *args, **names):
    decision = decide(catalogue, question(catalogue, *args, **names))
    return [r.id for r in decision.rows] if decision.kind == "answer" else decision.kind


@pytest.mark.parametrize(
    ("proof", "matter", "region", "row"),
    [
        # a county's row, in that county alone
        ("健在证明", "领取养老金", "330782", {"F147"}),
        ("健在证明", "领取养老金", "330700", {"F157", "F237"}),
        ("健在证明", "领取养老金", "330100", {"F157", "F237"}),
        ("健在证明", "领取养老金", None, {"F157", "F237"}),
        ("死亡证明", "户口注销", "330782", {"F143"}),
        ("死亡证明", "户口注销", "330108", {"F170"}),
        ("监护证明", "未成年人办理出入境证件", "330100", {"F333"}),
        # a city's row before the province's, the province's before the country's
        ("居住证明", "申领居住证", "330100", {"F204"}),
        ("居住证明", "申领居住证", "330108", {"F204"}),
        ("居住证明", "申领居住证", "330200", {"F203"}),
        ("居住证明", "申领居住证", None, {"F203"}),
        ("居住证明", "申领居住证", "320100", {"F200"}),
        ("犬只免疫证明", "养犬登记", "330400", {"F278"}),
        ("犬只免疫证明", "养犬登记", "331100", {"F279"}),
        ("犬只免疫证明", "养犬登记", "330200", {"F280"}),
        ("犬只免疫证明", "养犬登记", "330100", {"F277"}),
        ("电动车合格证", "电动自行车登记上牌", "330800", {"F259"}),
        ("电动车合格证", "电动自行车登记上牌", "330300", {"F258"}),
        ("车辆购置税证明", "机动车注册登记", "330100", {"F159"}),
        ("车辆购置税证明", "机动车注册登记", "310000", {"F241"}),
        # rows of other provinces stand beside it and never answer at home
        ("无犯罪记录证明", "申请教师资格", None, {"F064"}),
        ("无犯罪记录证明", "申请教师资格", "330300", {"F064"}),
        ("无犯罪记录证明", "出国留学", "330100", {"F026", "F357"}),
        ("收入证明", "申请最低生活保障", "330200", {"F289"}),
        ("死亡证明", "申领丧葬补助金和抚恤金", "330300", {"F238"}),
        # bases that disagree: the one that prevails, though another is nearer
        ("经济困难证明", "申请法律援助", "330100", {"F215"}),
        ("经济困难证明", "申请法律援助", "330108", {"F215"}),
        ("经济困难证明", "申请法律援助", "330200", {"F215"}),
        ("经济困难证明", "申请法律援助", None, {"F215"}),
        ("预防接种证", "义务教育入学报名", "330100", {"F085"}),
        ("预防接种证", "义务教育入学报名", None, {"F085"}),
        ("无房证明", "租房提取住房公积金", "330100", {"F354"}),
        ("无房证明", "租房提取住房公积金", None, {"F354"}),
        # city rows of one matter
        ("离职证明", "离职提取住房公积金", "330100", {"F305"}),
        ("离职证明", "离职提取住房公积金", "330500", {"F308"}),
        ("收入证明", "公积金贷款", "331000", {"F119"}),
    ],
)  # fmt: skip
def test_the_row_of_the_nearest_region(catalogue, proof, matter, region, row):
    found = answer(catalogue, proof, matter, region)
    assert isinstance(found, list) and set(found) <= row and found, found


@pytest.mark.parametrize("region", [c for c in CITIES if c != "331000"])
def test_the_row_of_taizhou_is_for_taizhou(catalogue, region):
    decision = decide(catalogue, question(catalogue, "收入证明", "公积金贷款", region))
    assert "F119" not in [r.id for r in decision.rows]


def test_where_only_cities_have_a_row_the_place_is_asked(catalogue):
    decision = decide(catalogue, question(catalogue, "离职证明", "离职提取住房公积金"))
    assert decision.kind == "ask_region" and {"F305", "F308"} <= {r.id for r in decision.rows}


@pytest.mark.parametrize("region", ["330200", "331100", "310000"])
def test_where_only_other_cities_have_a_row_none_answers(catalogue, region):
    decision = decide(catalogue, question(catalogue, "离职证明", "离职提取住房公积金", region))
    assert decision.kind != "answer" and not {"F305", "F308"} & {r.id for r in decision.rows}


@pytest.mark.parametrize("row_id", ["F030", "F037", "F039", "F008", "F016"])
def test_who_may_not_issue_it(catalogue, row_id):
    row = catalogue.rows[row_id]
    proof = next(t for t in catalogue.terms_of[row_id] if t.kind == "proof")
    decision = decide(catalogue, question(catalogue, proof.name, issuers=(row.status,)))
    assert decision.kind == "answer" and decision.rows[0].status == row.status
    assert decision.rows[0].verdict_kind == "wrong_issuer"


def test_a_proof_for_several_matters_is_asked_back(catalogue):
    decision = decide(catalogue, question(catalogue, "收入证明"))
    assert decision.kind == "ask_matter" and 1 < len(decision.rows) <= 5


def test_the_proofs_of_a_matter_are_listed(catalogue):
    decision = decide(catalogue, question(catalogue, None, "申请教师资格", wants="ask_proof_list"))
    assert decision.kind == "list" and {"F064", "F223"} <= {r.id for r in decision.rows}


def test_not_listed_and_not_understood_are_two_things(catalogue):
    unlisted = next(t.name for t in catalogue.terms if t.kind == "proof" and not t.requirements)
    assert decide(catalogue, question(catalogue, unlisted)).kind == "not_listed"
    assert decide(catalogue, Question(Links("啊啊啊"))).kind == "unknown"
    assert decide(catalogue, Question(Links("飞碟证明", says_paper=True))).kind == "not_listed"


def test_a_general_rule_is_never_a_verdict_and_holds_where_it_holds(catalogue):
    for row in catalogue.rows.values():
        if row.kind != "general_rule":
            continue
        for region in (None, *CITIES, "310000"):
            decision = decide(catalogue, Question(Links(row.proof, rows={row.id: len(row.proof)}), region))
            chain = catalogue.regions.chain(region)
            assert decision.kind != "answer"
            assert all(r.region_code in chain for r in decision.rows if decision.kind == "rule"), (
                row.id,
                region,
            )


def questions_of(catalogue, row):
    """Questions that name a row in every way: by pair, by proof, by matter, by its own alias, by meaning."""
    terms = catalogue.terms_of[row.id]
    own = [t for t in terms if t.kind == "proof"][:2]
    things = [t for t in terms if t.kind == "matter"][:2]
    text = row.proof + row.matter
    for proof in (None, *own):
        for matter in (None, *things):
            if proof or matter:
                yield (
                    Links(
                        text,
                        proofs=(mention(proof),) if proof else (),
                        matters=(mention(matter, 3),) if matter else (),
                        rows={row.id: 30},
                        issuers=(row.status,) if row.status.startswith("not_issued") else (),
                        says_paper=True,
                    ),
                    {},
                )
    yield Links(text, rows={row.id: len(row.proof)}, says_paper=True), {row.id: 0.99}


@pytest.mark.parametrize("wants", ["ask_need_proof", "ask_proof_list", "ask_where_issue"])
def test_no_row_of_another_place_is_ever_the_verdict(catalogue, wants):
    regions = (
        [None, *CITIES, *COUNTIES, *ELSEWHERE] if wants == "ask_need_proof" else [None, "330100", "310000"]
    )
    chains = {r: set(catalogue.regions.chain(r)) for r in regions}
    wrong = []
    for row in catalogue.rows.values():
        for links, near in questions_of(catalogue, row):
            for region in regions:
                decision = decide(catalogue, Question(links, region, wants, near))
                for found in decision.rows:
                    outside = found.region_code not in chains[region]
                    local = region is None and found.region_code[:2] == "33"
                    # Without a place a city's row may be offered, never asserted.
                    if outside and (decision.kind in ("answer", "list", "rule") or not local):
                        wrong.append((row.id, region, decision.kind, found.id))
                if decision.kind == "answer":
                    assert all(r.kind != "general_rule" for r in decision.rows)
                    assert 1 <= len(decision.rows) <= 2
    assert not wrong, f"{len(wrong)}: {wrong[:12]}"


def test_every_row_at_home_can_be_the_verdict_of_a_question(catalogue):
    """Named by its own proof and matter, in its own place, a row answers, or one that shares both or prevails does."""
    lost = []
    for row in catalogue.rows.values():
        if row.kind == "general_rule" or row.region_code[:2] not in ("33", "00"):
            continue
        terms = catalogue.terms_of[row.id]
        pairs = [
            (p, m)
            for p in terms if p.kind == "proof"
            for m in terms if m.kind == "matter" and not m.generic
        ]  # fmt: skip
        for proof, matter in pairs:
            links = Links("", proofs=(mention(proof),), matters=(mention(matter, 20),), says_paper=True)
            region = row.region_code if row.region_code != "000000" else None
            decision = decide(catalogue, Question(links, region))
            shared = set(proof.requirements) & set(matter.requirements)
            if decision.kind != "answer" or decision.rows[0].id not in shared:
                lost.append((row.id, proof.name, matter.name, decision.kind))
    assert not lost


@pytest.mark.parametrize(
    "text", ["我要开无犯罪记录证明", "要无犯罪证明吗", "学历证明要吗", "要计划生育证明吗", "要户籍证明吗"]
)
def test_where_nothing_but_the_proof_is_said_nearness_chooses_no_matter(catalogue, text):
    links = catalogue.linker.link(text)
    special = next(i for i in links.proofs[0].term.requirements if not catalogue.generic(i))
    for near in (catalogue.near(links.text), {special: 2.0}):
        decision = decide(catalogue, Question(links, near=near))
        assert decision.kind == "ask_matter" and len(decision.rows) > 1


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ("领证要带户口本吗", "F102"),
        ("要带户口本吗", None),
        ("办社保要户口本吗", None),
        ("要结婚证吗", None),
        ("要交身份证复印件吗", None),
        ("收养继子要结婚证吗", "F185"),
    ],
)
def test_a_paper_that_everybody_has_says_nothing_without_its_matter(catalogue, said, row):
    decision = decide(catalogue, Question(catalogue.linker.link(said), None))
    assert ([r.id for r in decision.rows] == [row]) if decision.kind == "answer" else row is None, decision


def test_a_paper_that_only_begins_like_one_that_everybody_has_is_answered(catalogue):
    decision = decide(catalogue, Question(catalogue.linker.link("居住证积分证明要交吗"), "330100"))
    assert decision.kind == "answer" and [r.id for r in decision.rows] == ["F311"]


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ("我妈定居罗马，领养老金要健在证明吗", "F239"),
        ("我妈住温州，领养老金要健在证明吗", "F157"),
        ("我老公是荷兰人，登记结婚要单身证明吗", "F195"),
        ("在葡萄牙开店，回国领证要单身证明吗", "F194"),
        ("阿联酋驾照换国内的要出入境记录吗", "F257"),
    ],
)
def test_every_country_is_abroad(catalogue, said, row):
    links = catalogue.linker.link(said)
    decision = decide(catalogue, Question(links, "330300", near=catalogue.near(links.text)))
    assert decision.kind == "answer" and decision.rows[0].id == row, decision
