"""Windows have one size, cover the picture once, and throw away at least a halo wherever the picture goes on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import InvalidInput
from workers.cascade.canonical import giant_call
from workers.cascade.config import CanonicalCall
from workers.cascade.windows import Span, cut, halo_cost, spans

GEOMETRY = st.tuples(st.integers(0, 20), st.integers(1, 60)).flatmap(
    lambda pair: st.tuples(st.integers(1, 400), st.just(2 * pair[0] + pair[1]), st.just(pair[0]))
)


@given(GEOMETRY)
def test_what_spans_keep_covers_the_length_exactly_once(geometry: tuple[int, int, int]) -> None:
    length, window_px, halo_px = geometry
    found = spans(length, window_px=window_px, halo_px=halo_px)
    assert found[0].keep_start == 0
    assert found[-1].keep_stop == length
    assert all(before.keep_stop == after.keep_start for before, after in itertools.pairwise(found))
    assert all(span.keep_start < span.keep_stop for span in found)


@given(GEOMETRY)
def test_spans_are_equally_long_with_a_margin_of_a_halo_unless_one_ends_with_the_picture(
    geometry: tuple[int, int, int],
) -> None:
    length, window_px, halo_px = geometry
    found = spans(length, window_px=window_px, halo_px=halo_px)
    assert len({span.stop - span.start for span in found}) == 1
    assert found[0].stop - found[0].start <= min(length, window_px)
    for span in found:
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        assert span.start == 0 or span.keep_start - span.start >= halo_px
        assert span.stop == length or span.stop - span.keep_stop >= halo_px


@given(GEOMETRY)
def test_there_are_as_few_spans_as_the_window_allows_and_they_are_no_longer_than_they_must(
    geometry: tuple[int, int, int],
) -> None:
    length, window_px, halo_px = geometry
    found = spans(length, window_px=window_px, halo_px=halo_px)
    count, side = len(found), found[0].stop - found[0].start
    if count > 1:
        assert (count - 1) * (window_px - 2 * halo_px) + 2 * halo_px < length
        assert count * side - 2 * halo_px * (count - 1) < length + count


@given(st.integers(5, 60), st.integers(1, 8192), st.integers(1, 8192))
def test_giant_windows_throw_less_than_a_tenth_away(halo_px: int, height: int, width: int) -> None:
    call = giant_call(CanonicalCall(window_px=64, micro_batch=8, threads=1), halo_px=halo_px)
    assert 0.0 <= halo_cost(height, width, window_px=call.window_px, halo_px=halo_px) < 0.1


def test_a_picture_no_larger_than_the_window_is_one_call() -> None:
    assert spans(50, window_px=50, halo_px=20) == [Span(start=0, stop=50, keep_start=0, keep_stop=50)]


def test_the_last_window_is_shifted_inward() -> None:
    assert spans(101, window_px=90, halo_px=10) == [
        Span(start=0, stop=61, keep_start=0, keep_stop=51),
        Span(start=40, stop=101, keep_start=51, keep_stop=101),
    ]


def test_windows_are_the_product_of_their_axes() -> None:
    found = list(cut(100, 150, window_px=60, halo_px=10))
    assert len(found) == 2 * 4
    kept = sum((w.rows.keep_stop - w.rows.keep_start) * (w.columns.keep_stop - w.columns.keep_start) for w in found)
    assert kept == 100 * 150


def test_a_window_that_is_all_halo_is_refused() -> None:
    with pytest.raises(InvalidInput, match="all halo"):
        spans(100, window_px=20, halo_px=10)
