"""What every task shares: claim, lease, progress, finish or fail. The handlers are in workers.tasks."""

from workers.lifecycle.assignment import Assignment, StopReason
from workers.lifecycle.beat import Beat
from workers.lifecycle.meter import Meter
from workers.lifecycle.numbers_door import NumbersDoor
from workers.lifecycle.runner import Bench, Handler, Post, Runner, words_of

__all__ = ["Assignment", "Beat", "Bench", "Handler", "Meter", "NumbersDoor", "Post", "Runner", "StopReason", "words_of"]
