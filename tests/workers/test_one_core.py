"""A worker's process takes one core for what is not torch's."""

import subprocess
import sys

SHOWN = """
import cv2, numpy
from threadpoolctl import threadpool_info
from workers.tasks.one_core import keep_to_one_core
keep_to_one_core()
numpy.ones((600, 600)) @ numpy.ones((600, 600))
print(cv2.getNumThreads(), {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})
"""


def test_products_and_pictures_take_one_thread() -> None:
    done = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["1", "{1}"]
