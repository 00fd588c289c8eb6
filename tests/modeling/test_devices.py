"""Devices and precision: what was asked for, or an error that says what to set."""

import pytest
import torch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling import devices
from tweet_sentiment.modeling.devices import Device, choose_device

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@pytest.fixture
def processor(monkeypatch):
    """Pretend that the processor has bf16, or has not."""

    def has(bf16):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bf16, "avx2": True})

    return has


@pytest.mark.parametrize("fp16", [False, True])
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
@without_cuda
def test_a_device_that_is_not_there_is_never_replaced_by_the_cpu(device, fp16):
    with pytest.raises(StudyError, match=f"device is {device}, but this machine has no CUDA device: set device=cpu"):
        choose_device(device, fp16, "auto")


@pytest.mark.parametrize("device", ["cpu", pytest.param("auto", marks=without_cuda)])
def test_fp16_on_the_cpu_is_refused(device):
    with pytest.raises(StudyError, match=r"fp16 needs a CUDA device.*set fp16=false"):
        choose_device(device, True, "auto")


@pytest.mark.parametrize(
    ("bf16", "precision", "effective"), [(True, "auto", "bf16"), (False, "auto", "fp32"), (True, "bf16", "bf16")]
)
def test_precision_auto_takes_bf16_where_the_processor_has_it(processor, bf16, precision, effective):
    processor(bf16)
    assert choose_device("cpu", False, precision) == Device("cpu", effective)
    assert choose_device("cpu", False, "fp32") == Device("cpu", "fp32")


def test_bf16_that_the_processor_has_not_is_refused(processor):
    processor(False)
    with pytest.raises(StudyError, match="precision is bf16, but cpu of this machine has no bf16"):
        choose_device("cpu", False, "bf16")


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_forward_pass_has_the_precision_that_is_recorded(precision, dtype):
    with devices.Device("cpu", precision).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
