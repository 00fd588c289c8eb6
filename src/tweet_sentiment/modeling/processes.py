"""A training in several processes, by torch's elastic launch (``torchrun`` is that too); and trainings side by side."""

import logging
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from functools import partial
from logging.handlers import QueueHandler
from multiprocessing import get_context, set_forkserver_preload
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate.data_loader import prepare_data_loader
from safetensors.torch import load, save
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import TrainerState

from tweet_sentiment.errors import StudyError
from tweet_sentiment.interrupts import end_with_parent
from tweet_sentiment.modeling.checkpoints import newest_valid
from tweet_sentiment.modeling.freezing import trainable_weights
from tweet_sentiment.modeling.trainer import OneDeviceTrainer, OnEpoch
from tweet_sentiment.parameters import TrainingParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Setup

START = "forkserver"  # imports what the processes need once; a fork of this process itself would inherit its threads
PRELOAD = ["tweet_sentiment.modeling.fitting"]
SECONDS = 0.1  # between two looks at what the processes tell
GONE = (
    "A process of the training is gone, and with it all others; it may have needed more memory than there is.\n"
    "  The same command resumes from the last checkpoint."
)
ONE_GONE = (
    "%s: the process of this training is gone; it may have needed more memory than there is.\n"
    "  The same command resumes from the last checkpoints, one training at a time with --params=training.at_once=1."
)


def train_together(
    work: "partial[TrainerState]", model: Any, setup: "Setup", folder: Path, on_epoch: OnEpoch
) -> TrainerState:
    """Train in all processes by ``work``, whose first argument is ``model``; give ``model`` the weights learnt.

    ``folder`` is for checkpoints.

    Raises:
        StudyError: there are fewer CUDA devices than processes, or one of ``launch``.
    """
    _check_devices(setup)
    newest_valid(folder)  # here, or each process would delete what is damaged
    state, weights = launch(partial(_with_weights, work), setup.training, folder.name, on_epoch)
    with torch.no_grad():
        for name, values in load(weights).items():
            model.get_parameter(name).copy_(values)
    return state


def _check_devices(setup: "Setup") -> None:
    wanted, device = setup.training.processes, setup.device
    if device.kind == "cuda" and (wanted > (found := torch.cuda.device_count()) or device.name != "cuda:0"):
        raise StudyError(
            f"training.processes is {wanted}, and each takes a CUDA device from cuda:0 on; this machine has {found}, "
            f"and device is {device.name}: set device=cuda and fewer processes, or device=cpu."
        )


def _with_weights(work: "partial[TrainerState]", on_epoch: OnEpoch) -> tuple[TrainerState, bytes]:
    state = work(on_epoch)
    return state, save(trainable_weights(work.args[0]))


def launch(work: Callable[[OnEpoch], Any], training: TrainingParameters, name: str, on_epoch: OnEpoch) -> Any:
    """Call ``work`` in each of the processes and return what it returned in the first one of this machine.

    ``work`` and what it returns are pickled. It gets an ``on_epoch`` that calls ours, here; what that raises is raised
    in every process, on every machine. ``name`` is what machines know each other by. What the first process logs is
    logged here. All end when one fails, and at Ctrl-C.

    Raises:
        StudyError: a process was killed, or the other machines did not come.
        BaseException: what was raised first in a process of this machine, or by ``on_epoch``.
    """
    set_forkserver_preload(PRELOAD)
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


def in_processes(works: Mapping[str, Callable[[], object]], at_once: int) -> None:
    """Call each of ``works`` in a process of its own, ``at_once`` at a time, each with its share of the threads.

    They are pickled; what they return is dropped. What they log is logged here after their name. All end when one
    fails, and at Ctrl-C.

    Raises:
        StudyError: a process was killed.
        BaseException: what was raised first in one of them.
    """
    set_forkserver_preload(PRELOAD)
    with _quiet_tracker():
        ensure_running()
    context: Any = get_context(START)  # typed as without Process
    threads = max(1, torch.get_num_threads() // at_once)
    waiting, running = list(works), dict[Any, tuple[str, BaseProcess]]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                ours, theirs = context.Pipe()
                name = waiting.pop(0)
                process = context.Process(target=_alone, args=(pickle.dumps(works[name]), threads, theirs))
                process.start()
                theirs.close()
                running[ours] = name, process
            pipe: Any
            for pipe in wait(list(running)):
                name, process = running[pipe]
                try:
                    _hear(name, pipe.recv())
                except EOFError:
                    del running[pipe]
                    process.join()
                    if process.exitcode:
                        raise StudyError(ONE_GONE % name) from None
    finally:
        for _, process in running.values():
            process.kill()
            process.join()


@contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Let the tracker of semaphores say nothing of those that ended processes have left; it removes them."""
    name = "PYTHONWARNINGS"
    before = os.environ.get(name)
    os.environ[name] = ",".join(filter(None, (before, "ignore:resource_tracker")))
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})


def _hear(name: str, told: logging.LogRecord | BaseException) -> None:
    if isinstance(told, StudyError):
        raise StudyError(f"{name}: {told}")
    if isinstance(told, BaseException):
        told.add_note(f"This was in the training {name}.")
        raise told
    told.msg = f"{name}: {told.msg}"
    logging.getLogger(told.name).handle(told)


def _alone(work: bytes, threads: int, pipe: Connection) -> None:
    _begin(threads)
    _log_to(pipe)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):  # progress in lines, no bar
        try:
            pickle.loads(work)()
        except BaseException as error:
            pipe.send(_told(error))


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it at once and says nothing
    end_with_parent()
    os.environ["OMP_NUM_THREADS"] = str(threads)  # or accelerate takes as many as there are cores
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")


def _told(error: BaseException) -> BaseException:
    if not isinstance(error, StudyError):
        error.add_note(traceback.format_exc())
    return error


def _work(work: bytes, threads: int, pipes: list[Connection]) -> Any:
    _begin(threads)
    local_rank = int(os.environ["LOCAL_RANK"])
    pipe = pipes[local_rank]
    _log_to(pipe if local_rank == 0 else None)
    try:
        result = pickle.loads(work)(partial(_ask, pipe if local_rank == 0 else None))
    except BaseException as error:
        if isinstance(error, dist.DistError) or "Connection " in str(error):
            error = StudyError(GONE)
        pipe.send((monotonic(), _told(error)))
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


class SharedTrainer(OneDeviceTrainer):
    """The Trainer as one of several processes, which together train as one would, but for dropout.

    All draw the same batches, and each takes every so many-th post of one. The loss is that of the whole batch, of
    logits that are gathered; so are those of an evaluation. Dropout is drawn by process and step.
    """

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return whole batches, of which each process collates its own posts."""
        posts: Any = self.train_dataset
        loader = DataLoader(
            posts,
            batch_size=self._train_batch_size,
            sampler=self._get_train_sampler(),
            collate_fn=partial(collate_share, self.args.process_index, self.args.world_size, self.data_collator),
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        alone = {"num_processes": 1, "process_index": 0}
        return prepare_data_loader(
            loader, self.accelerator.device, put_on_device=True, use_seedable_sampler=True, **alone
        )

    def train(self, resume_from_checkpoint: Any = None, **more: Any) -> Any:  # type: ignore[override]
        """Train, from a checkpoint that all machines have.

        Raises:
            StudyError: they have others.
        """
        starts = [None] * self.args.world_size
        dist.all_gather_object(starts, resume_from_checkpoint and Path(resume_from_checkpoint).name)
        if len(set(starts)) > 1:
            raise StudyError(
                f"The machines have other checkpoints: {', '.join(map(str, starts))}. Delete those that not all have."
            )
        return super().train(resume_from_checkpoint, **more)

    def training_step(self, *given: Any, **more: Any) -> torch.Tensor:
        """Take a step whose dropout is this process's own; what is drawn outside is alike in all."""
        numbers = [self.args.seed, self.state.global_step, self.args.process_index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]))
            return super().training_step(*given, **more)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any
    ) -> Any:
        """Return the loss of the whole batch; in an evaluation, of the posts given."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, **rest)
        outputs = model(**{name: tensor for name, tensor in inputs.items() if name != "labels"})
        logits, count = outputs.logits.contiguous(), self.args.world_size
        logits.register_hook(lambda gradient: gradient * count)  # the sum over processes, where DDP takes the mean
        of_all = [torch.empty_like(logits) for _ in range(count)]
        dist.all_gather(of_all, logits.detach())
        of_all[self.args.process_index] = logits
        batch = torch.stack(of_all, dim=1).flatten(0, 1)[: len(inputs["labels"])]
        loss = (self.training_loss or cross_entropy)(batch, inputs["labels"])
        return (loss, outputs) if return_outputs else loss

    def prediction_step(self, *given: Any, **more: Any) -> Any:
        """Leave the loss to the scores: the Trainer's counts posts twice where they do not divide."""
        _, logits, labels = super().prediction_step(*given, **more)
        return None, logits, labels


def collate_share(
    process: int, processes: int, collate: Callable[[list[dict[str, Any]]], dict[str, Any]], rows: list[dict[str, Any]]
) -> dict[str, torch.Tensor]:
    """Return the posts of one process in a batch, every so many-th, and the labels of all.

    Each has as many posts; those that are missing are filled up with the batch's first, which then count for nothing.
    """
    places = range(process, -(-len(rows) // processes) * processes, processes)
    own = collate([rows[place % len(rows)] for place in places])
    return own | {"labels": torch.tensor([row["label"] for row in rows])}
