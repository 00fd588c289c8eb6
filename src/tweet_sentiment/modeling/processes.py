"""The same work in several processes, on one machine or more, by torch's elastic launch (``torchrun`` is that too)."""

import logging
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from logging.handlers import QueueHandler
from multiprocessing import get_context, set_forkserver_preload
from multiprocessing.connection import Connection, wait
from threading import Event, Thread
from time import monotonic
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.interrupts import end_with_parent
from tweet_sentiment.modeling.trainer import OnEpoch
from tweet_sentiment.parameters import TrainingParameters

START = "forkserver"  # imports what the processes need once; a fork of this process itself would inherit its threads
SECONDS = 0.1  # between two looks at what the processes tell
GONE = (
    "A process of the training is gone, and with it all others; it may have needed more memory than there is.\n"
    "  The same command goes on from the last checkpoint."
)


def launch(work: Callable[[OnEpoch], Any], training: TrainingParameters, name: str, on_epoch: OnEpoch) -> Any:
    """Call ``work`` in each of the processes and return what it returned in the first one of this machine.

    ``work`` and what it returns are pickled. It gets an ``on_epoch`` that calls ours, here; what that raises is raised
    in every process, on every machine. ``name`` is what machines know each other by. What the first process logs is
    logged here. All end when one fails, and at Ctrl-C.

    Raises:
        StudyError: a process was killed, or the other machines did not come.
        BaseException: what was raised first in a process of this machine, or by ``on_epoch``.
    """
    set_forkserver_preload(["tweet_sentiment.modeling.fitting"])
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # there; here torch has read it: DDP warns of what is right
    pipes = [get_context(START).Pipe() for _ in range(training.processes)]
    config = LaunchConfig(
        min_nodes=training.nodes,
        max_nodes=training.nodes,
        nproc_per_node=training.processes,
        run_id=name,
        rdzv_backend="c10d",
        rdzv_endpoint=training.rendezvous or "localhost:0",
        local_addr="localhost" if training.nodes == 1 else None,
        max_restarts=0,
        start_method=START,
        logs_specs=DefaultLogsSpecs(os.devnull),
        signals_to_handle="",  # they raise here, as ever, and elastic_launch ends the processes
    )
    for logger in ("torch.distributed.elastic", "torch.multiprocessing", "torchelastic-events-null"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # they say in pages that a process failed
    threads = max(1, torch.get_num_threads() // training.processes)
    raised: list[tuple[float, BaseException]] = []
    over = Event()
    listener = Thread(target=_listen, args=([ours for ours, _ in pipes], on_epoch, raised, over), daemon=True)
    listener.start()
    try:
        results = elastic_launch(config, _work)(pickle.dumps(work), threads, [theirs for _, theirs in pipes])
    except ChildFailedError:
        results = {}
    except dist.DistError as error:
        raise StudyError(f"{training.nodes} machines did not meet at {training.rendezvous}: {error}") from error
    finally:
        over.set()
        listener.join()
    if raised:
        raise min(raised, key=lambda one: one[0])[1]
    if not results:
        raise StudyError(GONE)
    return results[min(results)]


def _listen(pipes: list[Connection], on_epoch: OnEpoch, raised: list[tuple[float, BaseException]], over: Event) -> None:
    while (ready := wait(pipes, 0 if (ended := over.is_set()) else SECONDS)) or not ended:
        for pipe in ready:
            assert isinstance(pipe, Connection)
            match pipe.recv():
                case logging.LogRecord() as record:
                    logging.getLogger(record.name).handle(record)
                case float() as when, BaseException() as error:
                    raised.append((when, error))
                case int() as epoch, dict() as metrics:
                    reason = None
                    try:
                        on_epoch(epoch, metrics)
                    except BaseException as error:
                        reason = error
                        raised.append((monotonic(), error))
                    pipe.send(reason)


def _work(work: bytes, threads: int, pipes: list[Connection]) -> Any:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it at once and says nothing
    end_with_parent()
    local_rank = int(os.environ["LOCAL_RANK"])
    pipe = pipes[local_rank]
    os.environ["OMP_NUM_THREADS"] = str(threads)  # or accelerate takes as many as there are cores
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    _log_to(pipe if local_rank == 0 else None)
    try:
        result = pickle.loads(work)(partial(_ask, pipe if local_rank == 0 else None))
    except BaseException as error:
        if isinstance(error, dist.DistError) or "Connection " in str(error):
            error = StudyError(GONE)
        elif not isinstance(error, StudyError):
            error.add_note(traceback.format_exc())
        pipe.send((monotonic(), error))
        raise SystemExit(1) from None
    dist.destroy_process_group()
    return result if local_rank == 0 else None


def _log_to(pipe: Connection | None) -> None:
    from transformers.utils import logging as of_transformers

    if pipe is None:
        logging.disable()
        return
    relay = QueueHandler(None)  # type: ignore[arg-type]
    relay.enqueue = pipe.send  # type: ignore[method-assign, assignment]
    logging.getLogger().handlers = [relay]
    logging.getLogger("tweet_sentiment").setLevel(logging.INFO)
    of_transformers.disable_default_handler()
    of_transformers.enable_propagation()


def _ask(pipe: Connection | None, epoch: int, metrics: dict[str, Any]) -> None:
    """Let each machine's ``on_epoch`` hear of an epoch, and raise in all processes what one of them raised."""
    reason = None
    if pipe is not None:
        pipe.send((epoch, metrics))
        reason = pipe.recv()
    reasons: list[BaseException | None] = [None] * dist.get_world_size()
    dist.all_gather_object(reasons, reason)
    for one in reasons:
        if one is not None:
            raise one
