"""A worker has one task at a time, and a machine as many workers as it has cores for them."""

import cv2
from threadpoolctl import ThreadpoolController


def keep_to_one_core() -> None:
    """From now on OpenCV and numpy's products use one thread in this process; torch's threads are set where it works.

    A product of a millisecond woke a thread on every core and waited for it. Beside other work one gate then took seven
    times the processor time, and twice on two busy cores a worker waited for good.
    """
    cv2.setNumThreads(1)
    ThreadpoolController().limit(limits=1, user_api="blas")
