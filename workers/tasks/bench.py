"""What the worker's child builds before its first claim: the device, and a handler for every kind of task."""

import os

import torch

from farm.errors import SettingsInvalid
from farm.ledger import Ledger
from farm.settings import Settings
from farm.specs.kinds import FINALISE, LIST
from farm.storage import Storage
from workers.cascade.allocator import keep_pages
from workers.cascade.canonical import render_class
from workers.lifecycle import Bench
from workers.lifecycle.host_memory import host_memory_bytes, keep_below
from workers.tasks.assemble import AssembleTask
from workers.tasks.certify import CertifyTask
from workers.tasks.curate import CurateTask
from workers.tasks.evaluate import EvaluateTask
from workers.tasks.finalise import FinaliseTask
from workers.tasks.giant import GiantTask
from workers.tasks.importing import ImportTask
from workers.tasks.learning_curve import LearningCurve
from workers.tasks.listing import ListTask
from workers.tasks.loaded import LoadedCascades
from workers.tasks.loaded_runs import LoadedRuns
from workers.tasks.one_core import keep_to_one_core
from workers.tasks.onnx import OnnxTask
from workers.tasks.painted import Sides
from workers.tasks.ranking import RankTask
from workers.tasks.render import RenderTask, threads_for
from workers.tasks.reverdict import ReverdictTask
from workers.tasks.select import SelectTask
from workers.tasks.train import TrainTask
from workers.tasks.verify import VerifyTask


def prepare(settings: Settings, ledger: Ledger, storage: Storage) -> Bench:
    """Put the device to its first use and build the handlers around it.

    Raises SettingsInvalid when FARM_DEVICE names a device that is not here.
    """
    keep_pages()
    keep_to_one_core()
    device = device_of(settings)
    memory_bytes = memory_of(device, settings.memory_bytes)
    torch.zeros(1, device=device)  # CUDA starts here and not under the first claim's lease
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cascades = LoadedCascades(storage, device=str(device))
    threads = threads_for(device.type, cores)
    giant = GiantTask(ledger=ledger, storage=storage, cascades=cascades, settings=settings)
    render = RenderTask(ledger=ledger, storage=storage, cascades=cascades, threads=threads)
    runs = LoadedRuns(storage, device=str(device))
    sides = Sides(ledger=ledger, storage=storage, cascades=cascades, runs=runs)
    evaluate = EvaluateTask(ledger=ledger, storage=storage, sides=sides)
    return Bench(
        handlers={
            "render": render,
            "film": render,
            "giant": giant,
            "upscale": giant,
            "select": SelectTask(ledger=ledger, storage=storage, render=render),
            "rank": RankTask(ledger=ledger, storage=storage, cascades=cascades),
            "verify": VerifyTask(ledger=ledger, storage=storage, cascades=cascades),
            "evaluate": evaluate,
            "compare": evaluate,
            "certify": CertifyTask(ledger=ledger, storage=storage),
            "train": TrainTask(
                ledger=ledger,
                storage=storage,
                settings=settings,
                device=str(device),
                threads=settings.threads or cores,
                curve=LearningCurve(ledger=ledger, storage=storage, sides=sides),
            ),
            "curate": CurateTask(storage=storage, settings=settings),
            "reverdict": ReverdictTask(ledger=ledger, storage=storage, settings=settings),
            "assemble": AssembleTask(ledger=ledger, storage=storage),
            "import": ImportTask(storage=storage),
            "onnx": OnnxTask(storage=storage),
            FINALISE: FinaliseTask(ledger=ledger, storage=storage, settings=settings),
            LIST: ListTask(ledger=ledger, storage=storage),
        },
        device=str(device),
        render_class=render_class(device),
        memory_bytes=memory_bytes,
        collectors=(render.meter,),
    )


def memory_of(device: torch.device, wanted: int) -> int:
    """The bytes this worker has: of its GPU, or of the machine. `wanted` (0: all of it) is held to where it is less.

    So a worker that shares its device, or stands for a smaller one, runs out of memory as the smaller one would.
    """
    has = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else host_memory_bytes()
    if not 0 < wanted < has:
        return int(has)
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(wanted / has, device)
    else:
        keep_below(wanted)
    return wanted


def device_of(settings: Settings) -> torch.device:
    """FARM_DEVICE, where `auto` is the first GPU that CUDA_VISIBLE_DEVICES leaves, else the CPU."""
    wanted = settings.device
    if wanted == "auto":
        wanted = "cuda:0" if torch.cuda.is_available() else "cpu"
    device = torch.device("cuda:0" if wanted == "cuda" else wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsInvalid(f"FARM_DEVICE is {settings.device}, but torch sees {torch.cuda.device_count()} GPUs")
    return device
