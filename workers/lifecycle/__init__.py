"""What every task shares: claim, lease, progress, finish or fail. The handlers are in workers.tasks."""

from workers.lifecycle.assignment import Assignment, StopReason
from workers.lifecycle.beat import Beat
from workers.lifecycle.runner import Bench, Handler, Post, Runner, words_of

__all__ = ["Assignment", "Beat", "Bench", "Handler", "Post", "Runner", "StopReason", "words_of"]
