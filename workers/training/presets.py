"""All presets by name, and a run's configuration: a preset, a dataset and a seed."""

from collections.abc import Mapping
from dataclasses import replace

from farm.errors import InvalidInput, Problem
from workers.cascade.config import BaseConfig
from workers.training.config import PoolConfig, RunConfig, UpscalingConfig
from workers.training.earlier_presets import demo_presets, gpu_presets, smoke_presets
from workers.training.named_schedules import Named, named_schedule
from workers.training.preset import Preset
from workers.training.preset_table import table_presets
from workers.training.schedules import Schedule


def presets() -> Mapping[str, Preset]:
    """Every preset by name."""
    return {**table_presets(), **demo_presets(), **gpu_presets(), **smoke_presets()}


def run_config(
    preset: str,
    *,
    dataset: str,
    seed: int,
    total_nimg: int | None = None,
    slice_nimg: int | None = None,
    stages_before: tuple[str, ...] = (),
) -> RunConfig:
    """The whole configuration of a run.

    total_nimg: overrides the preset's; its schedule is stretched to the new length. stages_before: sha256 of each
    earlier stage's averages, base first; none teaches an upscaler by photos only. Raises InvalidInput on an unknown
    preset.
    """
    table = presets()
    if preset not in table:
        raise InvalidInput(f"no preset {preset!r}", problems=[Problem("preset", f"one of {', '.join(table)}")])
    chosen = table[preset]
    total = total_nimg or chosen.total_nimg
    return RunConfig(
        preset=preset,
        dataset=dataset,
        seed=seed,
        network=chosen.network,
        call=chosen.call,
        judge_widths=chosen.judge_widths,
        batch=chosen.batch,
        precision=chosen.precision,
        total_nimg=total,
        slice_nimg=slice_nimg or chosen.slice_nimg,
        log_nimg=chosen.log_nimg,
        sample_count=chosen.sample_count,
        schedule=_dials(chosen, total),
        augment=chosen.augment,
        upscaling=_with_pool(chosen, stages_before),
        control=chosen.control,
    )


def scheduled(run: RunConfig, schedule: Named | None) -> RunConfig:
    """The same run of a base by a chosen set of dials; None: its preset's own.

    Raises InvalidInput for an upscaler: there is no published schedule of one.
    """
    if schedule is None:
        return run
    if not isinstance(run.network, BaseConfig):
        raise InvalidInput("only a base has a choice of schedules", problems=[Problem("schedule", "leave it out")])
    return replace(run, schedule=named_schedule(schedule, run.network, run.schedule.length_nimg))


def _dials(preset: Preset, total_nimg: int) -> Schedule:
    length = round(preset.schedule.length_nimg * total_nimg / preset.total_nimg)
    if preset.named is None or not isinstance(preset.network, BaseConfig):
        return replace(preset.schedule, length_nimg=length)
    return named_schedule(preset.named, preset.network, length)


def _with_pool(preset: Preset, stages_before: tuple[str, ...]) -> UpscalingConfig | None:
    if preset.upscaling is None or not stages_before:
        return preset.upscaling
    return replace(preset.upscaling, pool=PoolConfig(stages=stages_before, count=preset.pool_count))
