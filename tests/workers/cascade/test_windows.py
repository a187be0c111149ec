"""Windows have one size, cover the picture once, and throw away at least a halo wherever the picture goes on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import InvalidInput
from workers.cascade.windows import Span, cut, spans

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
def test_every_span_has_the_window_size_and_a_margin_of_a_halo_unless_it_ends_with_the_picture(
    geometry: tuple[int, int, int],
) -> None:
    length, window_px, halo_px = geometry
    for span in spans(length, window_px=window_px, halo_px=halo_px):
        assert span.stop - span.start == min(length, window_px)
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        assert span.start == 0 or span.keep_start - span.start >= halo_px
        assert span.stop == length or span.stop - span.keep_stop >= halo_px


def test_a_picture_no_larger_than_the_window_is_one_call() -> None:
    assert spans(50, window_px=50, halo_px=20) == [Span(start=0, stop=50, keep_start=0, keep_stop=50)]


def test_the_last_window_is_shifted_inward() -> None:
    assert spans(100, window_px=60, halo_px=10) == [
        Span(start=0, stop=60, keep_start=0, keep_stop=50),
        Span(start=40, stop=100, keep_start=50, keep_stop=100),
    ]


def test_windows_are_the_product_of_their_axes() -> None:
    found = list(cut(100, 150, window_px=60, halo_px=10))
    assert len(found) == 2 * 4
    kept = sum((w.rows.keep_stop - w.rows.keep_start) * (w.columns.keep_stop - w.columns.keep_start) for w in found)
    assert kept == 100 * 150


def test_a_window_that_is_all_halo_is_refused() -> None:
    with pytest.raises(InvalidInput, match="all halo"):
        spans(100, window_px=20, halo_px=10)
