"""Demand reports: joined, routed, told, rated; photos; the monthly board."""

from __future__ import annotations

import io
import threading

import pytest
from PIL import Image

from bot.casebook import tables
from bot.casebook.casebook import CaseError, CaseFilter
from bot.casebook.photo import LONGEST_SIDE, MOST_BYTES, clean_photo

PLACE = "西湖区某路1号"


def report(casebook, owner="o1", **fields):
    """Leave a report of a village demanding a proof of kinship."""
    given = {
        "office": "某某村村委会",
        "place": PLACE,
        "region": "330106",
        "proof": "亲属关系证明",
        "matter": "子女入学",
        "why": "户口簿上已经写明",
        "lawful": "unlawful",
        "requirement_id": "F201",
    }
    return casebook.reports.open(owner, **{**given, **fields})


def photo_of(size=(64, 48), kind="JPEG", **save):
    """Return a picture with a place and a camera in its hidden data."""
    picture, kept = Image.new("RGB", size, (200, 30, 30)), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SecretCamera", 6
    exif.get_ifd(0x8825)[2] = (30.0, 15.0, 0.0)
    picture.save(kept, kind, exif=exif.tobytes(), **save)
    return kept.getvalue()


def test_a_report_has_a_number_and_is_routed_to_its_region(casebook):
    made = report(casebook, contact="13900001234")
    assert made.reference.startswith("JB261123-") and (made.state, made.lawful) == ("received", "unlawful")
    assert casebook.reports.page(CaseFilter(region="330100")).items[0].reference == made.reference
    listed = casebook.reports.page().items[0]
    assert (listed.why, listed.contact) == ("", "")
    assert casebook.reports.read(made.reference, "chen").contact == "13900001234"
    assert casebook.reports.get(made.reference, "someone-else") is None
    assert "户口簿" not in repr(made)
    moved = casebook.reports.take_up(made.reference, "chen", region="330110")
    assert casebook.reports.page(CaseFilter(region="330110")).total == 1 and moved.state == "received"


def test_reports_of_one_demand_are_joined_and_all_are_told(casebook):
    first = report(casebook, "o1")
    second = report(casebook, "o2", office="某某村 村委会。", proof="亲属关系证明！")
    third = report(casebook, "o3")
    elsewhere = report(casebook, "o4", region="330110")
    assert (second.joined_to, third.joined_to) == (first.reference, first.reference)
    assert elsewhere.joined_to is None and casebook.reports.get(first.reference).joined == 2
    assert report(casebook, "o1").reference == first.reference  # told twice by the same person
    casebook.reports.take_up(second.reference, "chen")
    assert casebook.reports.get(first.reference).state == "handling"
    assert report(casebook, "o5").state == "handling"
    casebook.reports.close(first.reference, "corrected", "已责令改正，不用再交", "chen")
    for owner in ("o1", "o2", "o3", "o5"):
        (number,) = casebook.reports.untold(owner)
        told = casebook.reports.get(number)
        assert (told.outcome, told.explanation) == ("corrected", "已责令改正，不用再交")
        casebook.reports.mark_told(told.reference)
        assert casebook.reports.untold(owner) == []
        casebook.reports.rate(told.reference, owner != "o3", "办得快" if owner == "o1" else "", owner)
    assert casebook.reports.get(first.reference).comment == "办得快"
    assert casebook.reports.get(third.reference).satisfied is False
    assert report(casebook, "o1").joined_to is None  # demanded again after it was closed: a new report


def test_twenty_reports_at_once_have_one_first(casebook):
    start, made = threading.Barrier(20), []

    def leave(number):
        start.wait()
        made.append(report(casebook, f"owner-{number}"))

    threads = [threading.Thread(target=leave, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 20 and len([m for m in made if m.joined_to is None]) == 1


def test_steps_out_of_order_are_refused(casebook):
    made = report(casebook)
    for call in (casebook.reports.mark_told, lambda r: casebook.reports.rate(r, True)):
        with pytest.raises(CaseError, match="wrong_state"):
            call(made.reference)
    with pytest.raises(CaseError, match="bad_value"):
        casebook.reports.close(made.reference, "forgotten", "", "chen")
    casebook.reports.close(made.reference, "explained", "法律规定要交", "chen")
    for call in (
        lambda: casebook.reports.close(made.reference, "corrected", "", "chen"),
        lambda: casebook.reports.take_up(made.reference, "chen"),
    ):
        with pytest.raises(CaseError, match="wrong_state"):
            call()
    with pytest.raises(CaseError, match="unknown_reference"):
        casebook.reports.rate(made.reference, True, owner="someone-else")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"office": " "}, "bad_value: office"),
        ({"proof": ""}, "bad_value: proof"),
        ({"lawful": "perhaps"}, "bad_value: lawful"),
        ({"region": "hangzhou"}, "bad_value: region"),
        ({"why": "长" * 2001}, "too_long: why"),
    ],
)
def test_what_cannot_be_kept_is_refused(local, fields, why):
    with pytest.raises(CaseError, match=why):
        report(local, **fields)
    assert local.reports.page().total == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_drawn_anew_without_place_or_device(local, kind):
    sent = photo_of((3000, 1000), kind)
    assert b"SecretCamera" in sent
    made = local.reports.add_photo(report(local).reference, sent)
    kept = local.reports.photo(made.reference, "chen")
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.format == "JPEG" and not picture.getexif()
        assert picture.height == LONGEST_SIDE and picture.width < picture.height  # turned upright
    assert b"SecretCamera" not in kept and made.has_photo
    assert {"photo", "read_photo"} <= {e.action for e in local.upkeep.audit_trail(made.reference)}


def test_a_photo_is_sealed_taken_away_and_not_added_to_a_closed_report(local):
    reference = report(local).reference
    local.reports.add_photo(reference, photo_of())
    with local._book.reading() as connection:
        held = local._book.row(connection, tables.demand_reports, reference).photo
    assert b"JFIF" not in held and b"JFIF" in local.reports.photo(reference, "chen")
    assert not local.reports.drop_photo(reference).has_photo
    local.reports.close(reference, "corrected", "", "chen")
    for change in (lambda: local.reports.add_photo(reference, photo_of()), lambda: local.reports.drop_photo(reference)):  # fmt: skip
        with pytest.raises(CaseError, match="wrong_state"):
            change()


def test_a_photo_that_is_too_large_or_broken_is_refused():
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    with pytest.raises(CaseError, match="too_long"):
        clean_photo(huge.getvalue())
    with pytest.raises(CaseError, match="too_long"):
        clean_photo(b"\xff" * (MOST_BYTES + 1))
    whole = photo_of((600, 600), quality=95)
    for broken in (whole[: len(whole) // 2], b"", b"GIF89a" + b"\0" * 50, b"<svg onload=alert(1)>"):
        with pytest.raises(CaseError, match="bad_value"):
            clean_photo(broken)


def test_the_board_ranks_regions_and_offices_from_the_cases_of_a_month(casebook, clock):
    quick = report(casebook, "o1", office="甲局", region="330106")
    slow = report(casebook, "o2", office="乙局", region="330106", matter="落户")
    stuck = [report(casebook, f"p{i}", office="丙局", region="330200", matter=f"第{i}件") for i in range(3)]
    report(casebook, "o9", office="丁局", region="330300", lawful="lawful")
    clock.move(hours=2)
    casebook.reports.close(quick.reference, "corrected", "", "chen")
    casebook.reports.rate(quick.reference, True)
    clock.move(hours=46)
    casebook.reports.close(slow.reference, "corrected", "", "chen")
    casebook.reports.rate(slow.reference, False)
    board = casebook.reports.board("2026-11", fewest=1)
    assert [x.name for x in board.leading_offices] == ["甲局", "乙局"]
    assert board.lagging_offices[0].name == "丙局"
    worst, best = board.lagging_regions[0], board.leading_regions[0]
    assert (worst.name, worst.reports, worst.open_unlawful, worst.closed_share) == (
        "330200",
        len(stuck),
        3,
        0.0,
    )
    assert (best.name, best.median_hours, best.satisfied_share, best.corrected) == ("330106", 25.0, 0.5, 2)
    assert "丁局" not in [x.name for x in board.lagging_offices]
    assert casebook.reports.board("2026-12").leading_regions == []
    with pytest.raises(CaseError, match="bad_value"):
        casebook.reports.board("November")


def test_a_month_is_chinas(casebook, clock):
    clock.move(days=7, hours=15)  # 1 December, 00:00 in China; still 30 November in UTC
    report(casebook)
    assert len(casebook.reports.board("2026-12", fewest=1).lagging_regions) == 1
    assert casebook.reports.board("2026-11", fewest=1).lagging_regions == []


def test_few_cases_are_listed_and_not_ranked(casebook):
    for number in range(5):  # five citizens, one demand
        report(casebook, f"o{number}", office=("小镇 办事处", "小镇办事处。")[number % 2])
    for number in range(3):
        report(casebook, f"p{number}", office="大局", region="330200", matter=f"第{number}件")
    board = casebook.reports.board("2026-11")
    (few,) = board.few_offices
    assert (few.name, few.reports, few.demands) == ("小镇 办事处", 5, 1)
    assert [x.name for x in board.lagging_offices] == ["大局"] and board.fewest == 3
    assert [x.name for x in board.few_regions] == ["330106"]


def test_what_was_unfounded_or_explained_counts_against_nobody(casebook):
    for number, outcome in enumerate(("explained", "unfounded", "corrected")):
        made = report(casebook, office="甲局", matter=f"第{number}件")
        casebook.reports.close(made.reference, outcome, "", "chen")
    (line,) = casebook.reports.board("2026-11").leading_offices
    assert (line.demands, line.unlawful, line.corrected, line.open_unlawful) == (3, 1, 1, 0)


def test_one_content_voice_does_not_beat_many(casebook):
    for office, voices in (("独", (True,)), ("众", (True,) * 9 + (False,))):
        for number in range(max(3, len(voices))):
            made = report(casebook, f"o{number}", office=office, matter=f"第{number}件")
            casebook.reports.close(made.reference, "corrected", "", "chen")
            if number < len(voices):
                casebook.reports.rate(made.reference, voices[number])
    assert [x.name for x in casebook.reports.board("2026-11").leading_offices] == ["众", "独"]
