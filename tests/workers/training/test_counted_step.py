"""The step that the speed benchmarks time is the step that trains; and it works on one picture, as a rank may hold."""

from tests.benchmarks.training_operations import operations
from tests.benchmarks.training_speed import base_config, step_of


def test_a_step_is_counted_and_costs_by_the_image() -> None:
    one, four = (operations(step_of(base_config("smoke-base-16", batch))).total for batch in (1, 4))
    assert one > 1e6
    assert 3.5 < four / one < 4.5


def test_more_channels_cost_more() -> None:
    narrow, wide = (
        operations(step_of(base_config("smoke-base-16", 2, widths=widths))).total for widths in ((16, 8, 8), (32, 8, 8))
    )
    assert wide > 1.1 * narrow
