"""Reading of what citizens call things."""

import pytest

from proof_catalogue.errors import CatalogueError
from proof_catalogue.vocabulary import read_terms


def folder(tmp_path, proofs="[]", **matters):
    (tmp_path / "matters").mkdir()
    (tmp_path / "proofs.yml").write_text(proofs, encoding="utf-8")
    for name, text in matters.items():
        (tmp_path / "matters" / f"{name}.yml").write_text(text, encoding="utf-8")
    return tmp_path


def test_names_aliases_and_cues(tmp_path):
    proofs = "- {name: 收入证明, aliases: [工资證明, 收入证明], cues: ['证明我/证明他 + 挣多少'], requirements: [F1]}"
    (term,) = read_terms(folder(tmp_path, proofs.replace(" + ", "+")))
    assert (term.kind, term.name, term.requirements, term.generic) == ("proof", "收入证明", ("F1",), False)
    assert term.names == ("收入证明", "工资证明")
    assert term.cues == ((("证明我", "证明他"), ("挣多少",)),)


def test_a_generic_term_is_said_by_no_name(tmp_path):
    (term,) = read_terms(folder(tmp_path, a="- {name: 各类办事, generic: true}"))
    assert term.generic and term.names == ()


def test_entries_of_one_name_in_several_files_are_one_term(tmp_path):
    data = folder(
        tmp_path,
        a="- {name: 贷款, aliases: [借钱], requirements: [F1]}",
        b="- {name: 贷款, aliases: [借款, 借钱], requirements: [F2, F1]}",
    )
    (term,) = read_terms(data)
    assert term.aliases == ("借钱", "借款") and term.requirements == ("F1", "F2")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("- {aliases: [a]}", "without a name"),
        ("- 收入证明", "without a name"),
        ("- {name: 7}", "without a name"),
        ("- {name: 收入证明, colour: red}", "收入证明.*colour"),
        ("- {name: 收入证明, aliases: 工资}", "收入证明.*aliases"),
        ("- {name: 收入证明, aliases: [1]}", "收入证明.*aliases"),
        ("- {name: 收入证明, aliases: ['']}", "收入证明.*aliases"),
        ("- {name: 收入证明, cues: ['a++b']}", "收入证明.*cue"),
        ("- {name: 收入证明, requirements: F1}", "收入证明.*requirements"),
        ("name: 收入证明", "list"),
        ("- {name: [", "cannot be read"),
    ],
)
def test_the_fault_is_named_with_file_and_entry(tmp_path, entry, message):
    with pytest.raises(CatalogueError, match=rf"proofs\.yml.*{message}"):
        read_terms(folder(tmp_path, entry))


def test_a_missing_file(tmp_path):
    with pytest.raises(CatalogueError, match=r"proofs\.yml"):
        read_terms(tmp_path)
