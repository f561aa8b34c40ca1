"""What a sentence names."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proof_catalogue.linker import Links, read_links
from proof_catalogue.text import canonical

from .test_text import NASTY


def proofs(links):
    return {m.term.name for m in links.proofs}


def matters(links):
    return {m.term.name for m in links.matters}


@pytest.mark.parametrize(
    ("text", "proof", "matter"),
    [
        ("申请教师资格还要去派出所开无犯罪记录证明吗", "无犯罪记录证明", "申请教师资格"),
        ("公司注销要清税证明吗", "清税证明", None),
        ("领失业金要失业登记证明吗", "失业登记证明", "申领失业保险金"),
        ("台州买新房公积金贷款要收入证明吗", "收入证明", None),
        ("證明我媽是我媽", "亲属关系证明", None),
        ("户藉证明去哪开", "户籍证明", None),
    ],
)
def test_proof_and_matter(catalogue, text, proof, matter):
    links = catalogue.linker.link(text)
    assert proof in proofs(links)
    assert matter is None or matter in matters(links)


def test_the_name_of_a_paper_is_not_also_a_matter(catalogue):
    links = catalogue.linker.link("失业登记证明还要吗")
    assert proofs(links) == {"失业登记证明"} and not matters(links)


def test_issuer_region_and_paper(catalogue):
    links = catalogue.linker.link("宁波村里不给我开亲属关系证明")
    assert links.issuers == ("not_issued_by_village",) and links.region and links.region.code == "330200"
    assert links.says_paper
    assert catalogue.linker.link("派出所不开").issuers == ("not_issued_by_police",)


def test_the_last_place_named_counts(catalogue):
    assert catalogue.linker.link("不是宁波，是温州").region.code == "330300"


@pytest.mark.parametrize("text", ["", " ", "今天天气怎么样", "哈哈", "？？", "\ud800", "12345", "a" * 500])
def test_nothing_named(catalogue, text):
    links = catalogue.linker.link(text)
    assert not links.proofs and not links.matters and not links.regions


def test_every_proof_and_matter_is_found_by_its_own_name(catalogue):
    """By the term itself, or by one that says as much of the sentence."""
    missed = []
    for term in catalogue.terms:
        if not term.names:
            continue
        links = catalogue.linker.link(f"我想问{term.name}的事")
        found = proofs(links) if term.kind == "proof" else matters(links)
        at = links.text.find(canonical(term.name))
        covered = set().union(*(m.covered for m in links.proofs)) if links.proofs else set()
        whole = at >= 0 and set(range(at, at + len(canonical(term.name)))) <= covered
        heavier = any(m.weight >= len(term.name) for m in (*links.proofs, *links.matters))
        if term.name not in found and not whole and not heavier:
            missed.append((term.kind, term.name, sorted(proofs(links) | matters(links))))
    assert not missed


@settings(max_examples=60)
@given(
    st.one_of(
        NASTY, st.text(st.sampled_from("无犯罪记录证明公积金贷款杭州村里要吗开收入低保 a1"), max_size=40)
    )
)
def test_any_text_is_accepted_and_offsets_stay_inside(catalogue, text):
    links = catalogue.linker.link(text)
    for mention in (*links.proofs, *links.matters):
        assert 0 <= mention.start < mention.end <= len(links.text)
        assert mention.covered and mention.covered <= set(range(mention.start, mention.end))
    assert all(0 <= s < e <= len(links.text) for _, s, e in links.regions)
    assert (
        read_links(json.loads(json.dumps(links.json())), catalogue.term, catalogue.rows, catalogue.regions)
        == links
    )


def test_links_of_a_term_that_is_gone_are_read_without_it(catalogue):
    value = catalogue.linker.link("公司注销要清税证明吗").json()
    value["proofs"].append(["不在目录里", 0, 2, "name", [0, 1]])
    assert proofs(read_links(value, catalogue.term, catalogue.rows, catalogue.regions)) == {"清税证明"}


def test_residue_is_what_was_not_understood(catalogue):
    assert catalogue.linker.link("办低保要收入证明吗").residue == ""
    assert "飞碟" in catalogue.linker.link("开飞碟要收入证明吗").residue
    assert Links("").residue == ""


def test_linking_is_the_same_between_threads(catalogue):
    from concurrent.futures import ThreadPoolExecutor

    texts = ["公司注销要清税证明吗", "领失业金要失业登记证明吗", "杭州办低保要收入证明吗"] * 8
    alone = [catalogue.linker.link(t) for t in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(catalogue.linker.link, texts)) == alone
