"""What the kernels of many batch sizes leave in memory."""

import subprocess
import sys

import pytest
from tests.conftest import PROJECT

from tweet_sentiment.modeling.devices import choose_device

SIZES, MOST = 300, 80  # MB; as the libraries come, 200 and more

CODE = f"""
import psutil, torch
from torch.nn.functional import linear
import tweet_sentiment.modeling

torch.set_num_threads(1)
weights = torch.ones(1536, 384, dtype=torch.bfloat16)
def multiply(rows):
    linear(torch.ones(rows, 384, dtype=torch.bfloat16), weights)
multiply({SIZES} + 1)
before = psutil.Process().memory_info().rss
for rows in range(1, {SIZES}):
    multiply(rows)
print((psutil.Process().memory_info().rss - before) / 2**20)
"""


@pytest.mark.skipif(choose_device("cpu", False, "auto").precision != "bf16", reason="this processor has no bf16")
def test_batches_of_many_sizes_do_not_pile_up_kernels_in_memory():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < MOST
