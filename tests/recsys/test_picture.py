"""The picture: a PNG in the language the fonts allow, without a display and without leaving traces."""

from __future__ import annotations

import struct
import sys

import matplotlib as mpl
import pytest

from recsys.evaluation import SLICES, Line, Measure, Report
from recsys.picture import CHINESE_FONTS, NoPainter, draw


def a_line(source="popularity", part="all", ndcg=0.2, verdict="no clear difference"):
    some = Measure(ndcg, ndcg / 10)
    return Line(part, source, 1234, some, some, some, some, some, Measure(0, 0.01), verdict)


def a_report(sources=("popularity", "ease", "content"), slices=SLICES, ndcg=0.2):
    verdicts = ("no clear difference", "better", "worse")
    lines = [
        a_line(name, part, ndcg * (1 + nth), verdicts[nth % 3])
        for part in slices
        for nth, name in enumerate(sources)
    ]
    return Report(tuple(lines), 10, None)


def size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("fonts", [CHINESE_FONTS, (), ("No Such Font",)])
def test_a_report_becomes_a_png_in_any_language(tmp_path, fonts):
    draw(a_report(), tmp_path / "p.png", fonts=fonts)

    width, height = size(tmp_path / "p.png")
    assert width > height > 400


def test_names_that_the_font_lacks_are_spelt_out(tmp_path):
    draw(a_report(("popularity", "随机游走")), tmp_path / "p.png", fonts=())

    assert size(tmp_path / "p.png")


def test_more_sources_make_it_wider_but_never_endless(tmp_path):
    draw(a_report(), tmp_path / "few.png", fonts=())
    draw(a_report([f"s{nth}" for nth in range(60)], ("all", "few", "new")), tmp_path / "many.png", fonts=())

    assert size(tmp_path / "few.png")[0] < size(tmp_path / "many.png")[0] <= 4_800


@pytest.mark.parametrize("ndcg", [0.0, 1e-9, 1.0])
def test_one_bar_of_any_height_is_a_picture(tmp_path, ndcg):
    draw(a_report(("popularity",), ("all",), ndcg), tmp_path / "p.png", fonts=())

    assert size(tmp_path / "p.png")


def test_a_slice_without_one_of_the_sources_leaves_a_gap(tmp_path):
    report = Report((a_line(), a_line("ease"), a_line(part="new")), 10, None)

    draw(report, tmp_path / "p.png", fonts=())

    assert size(tmp_path / "p.png")


def test_equal_reports_give_equal_bytes(tmp_path):
    draw(a_report(), tmp_path / "a.png")
    draw(a_report(), tmp_path / "b.png")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_drawing_needs_no_display_and_changes_no_settings(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    before, had_pyplot = mpl.rcParams.copy(), "matplotlib.pyplot" in sys.modules

    draw(a_report(), tmp_path / "p.png")

    assert mpl.rcParams.copy() == before
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot  # it would choose a window system


def test_without_matplotlib_the_error_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # what an import meets where the extra is not installed

    with pytest.raises(NoPainter, match="matplotlib is not installed"):
        draw(a_report(), tmp_path / "p.png")

    assert not (tmp_path / "p.png").exists()


def test_an_empty_report_has_no_picture(tmp_path):
    with pytest.raises(ValueError, match="without lines"):
        draw(Report((), 10, None), tmp_path / "p.png")


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match=r"p\.png"):
        draw(a_report(), tmp_path / "nowhere" / "p.png")
