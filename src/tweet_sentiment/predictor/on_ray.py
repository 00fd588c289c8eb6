"""Prediction of files of any number and size on a Ray cluster; the result is a folder of parts."""

import io
import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tweet_sentiment import addresses
from tweet_sentiment.data.lines import as_option
from tweet_sentiment.errors import StudyError, extra
from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.predictor import remote
from tweet_sentiment.predictor.files import NAMED, STDIN, FileJob, Reading, Summary
from tweet_sentiment.predictor.predictor import Predictor
from tweet_sentiment.predictor.scorer import ACCOUNT, Chunk, Scorer, added_fields
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.storage import is_address, sha256

logger = logging.getLogger(__name__)

RECORD = "_record.json"  # in the folder of the parts; readers of Parquet pass over names that begin so
PARTS_AN_ACTOR = 4  # at least, so that a small input is shared out
MOST_TASKS = 1000


def predict_on_ray(
    model: str | Path, job: FileJob, actors: int | None = None, device: str = "auto", **choice: Any
) -> Summary:
    """Predict every row of a file, of a folder's files or of the files of a pattern; see ``predict_file``.

    The result is a folder of Parquet files, each of at most ``job.part_rows`` rows; the same call after a kill makes
    the missing parts. Each of the ``actors`` loads the model; by default there is one per processor of the cluster, or
    per GPU if ``device`` is one. Paths must be valid on every machine.

    Raises:
        StudyError: as in ``predict_file``; or the folder holds parts of other files or settings.
    """
    with extra("ray", "--engine ray"):
        import ray
    if job.source == STDIN:
        raise StudyError("Ray reads no standard input: name a file, a folder or a pattern.")
    if PurePosixPath(str(job.output)).suffix in (".csv", ".tsv", ".jsonl", ".ndjson", ".json"):
        raise StudyError(f"{job.output}: with Ray the output is a folder of Parquet files; expected a folder's name.")
    files, output = remote.files_at(job.source), remote.address_of(job.output)
    manifest = read_manifest(remote.model_at(model))
    what = {"source": files, "output": "", "model": sha256(json.dumps(manifest, sort_keys=True).encode())}
    asked = json.loads(json.dumps(asdict(job) | what | choice | {"device": device}))
    known = remote.read(f"{output}/{RECORD}")
    record = None if known is None else json.loads(known)
    if record and record["asked"] != asked:
        raise StudyError(f"{job.output} holds parts of other files, settings or another model; name another folder.")
    job = replace(job, part_rows=record["part_rows"]) if record else job
    model = str(model) if is_address(model) else str(Path(model).absolute())
    load = partial(Predictor.load, model, device=device, **choice)
    with _cluster(ray):
        gpu = "GPU" if device.startswith("cuda") else ""
        actors = actors or max(1, int(ray.cluster_resources().get(gpu or "CPU", 1)))
        added = added_fields(manifest["labels"], job.prefix, job.on_error == "keep")
        surveys = _surveyed(ray, [*files], job, added)
        rows = sum(survey.rows for survey in surveys)
        if not record:
            if sum(len(survey.parts) for survey in surveys) < (least := PARTS_AN_ACTOR * actors):
                job = replace(job, part_rows=max(1, min(job.part_rows, -(-rows // least))))
                surveys = _surveyed(ray, [*files], job, added)
            addresses.put(
                f"{output}/{RECORD}", io.BytesIO(json.dumps({"asked": asked, "part_rows": job.part_rows}).encode())
            )
        sizes = {_part(file, n): size for file, one in enumerate(surveys) for n, size in enumerate(one.parts)}
        there = sizes.keys() & remote.names_in(output)
        if done := sum(sizes[name] for name in there):
            logger.info("Resuming: %s of %s rows are done already.", f"{done:,}", f"{rows:,}")
        tasks = []
        for file, (place, survey) in enumerate(zip(files, surveys, strict=True)):
            whole = [n for n in range(len(survey.parts)) if _part(file, n) in there]
            tasks += [(file, place, whole)] * (len(whole) < len(survey.parts))
        summary = Summary(rows=rows)
        with progress_bar("Predicting", rows - done, "rows") as bar:
            for actor, size in _scored(ray, tasks, load, job, output, actors, gpu) if tasks else ():
                summary.by_worker[actor] = summary.by_worker.get(actor, 0) + size
                bar.update(size)
        if remote.files_at(job.source) != files:
            raise StudyError(f"{job.source} was changed while it was read; give its result another folder.")
        parts = [f"{output}/{name}" for name in sizes]
        for place, survey in zip(files, surveys, strict=True):
            summary.faults += survey.faults
            named = survey.faulty[: NAMED - len(summary.faulty)]
            summary.faulty += named if len(files) == 1 else [f"{place}, {one}" for one in named]
        for account in _values(_tasks(ray, parts).map(_each(_account))) if parts else ():
            summary.count({ACCOUNT: account})
    return summary


def _part(file: int, number: int) -> str:
    return f"part-{file:05d}-{number:06d}.parquet"


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """Connect to the cluster that Ray's own settings name, or start one on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if ours := not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.wait_for_min_actors_s = 600
    context.target_max_block_size = 1  # each part is a block of its own; a task of repartition's would want a processor
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _told(compute: Callable[[], Any]) -> dict[str, Any]:
    """Return a function's result, or the message of its StudyError: Ray passes on only the traceback of an error."""
    try:
        return {"value": pickle.dumps(compute()), "refused": ""}
    except StudyError as error:
        return {"value": b"", "refused": str(error)}


def _each(compute: Callable[..., Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: _told(lambda: compute(pickle.loads(row["task"])))


def _values(dataset: Any) -> Iterator[Any]:
    for row in dataset.iter_rows():
        if row["refused"]:
            raise StudyError(row["refused"])
        yield pickle.loads(row["value"])


def _tasks(ray: Any, tasks: list[Any]) -> Any:
    rows = [{"task": pickle.dumps(task)} for task in tasks]
    return ray.data.from_items(rows, override_num_blocks=min(len(rows), MOST_TASKS))


def _surveyed(ray: Any, places: list[str], job: FileJob, added: list[pa.Field]) -> list[Summary]:
    """Read all files once, in parallel.

    Raises:
        StudyError: one cannot be read, or has other columns than the first.
    """

    def survey(task: tuple[int, str]) -> tuple[int, Summary, pa.Schema]:
        reading = Reading(remote.source_at(task[1]), job)
        reading.texts.refuse_columns(added)
        return task[0], reading.summary, reading.texts.schema

    found = sorted(_values(_tasks(ray, [*enumerate(places)]).map(_each(survey))), key=lambda one: one[0])
    for file, _, schema in found:
        if schema != found[0][2]:
            columns = [", ".join(f"{one.name} ({one.type})" for one in each) for each in (schema, found[0][2])]
            raise StudyError(
                f"{places[file]}: its columns are {columns[0]}, those of {places[0]} are {columns[1]}.\n"
                "  Classify files with different columns separately."
            )
    return [summary for _, summary, _ in found]


def _account(part: str) -> bytes:
    with remote.source_at(part).open() as file:
        return bytes(pq.read_metadata(file).metadata[ACCOUNT])


def _scored(
    ray: Any, tasks: list[Any], load: Callable[[], Predictor], job: FileJob, output: str, actors: int, gpu: str
) -> Iterator[tuple[str, int]]:
    """Read files in tasks, score and write their parts in actors; yield the actor and the rows of each part."""

    def parts(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        file, place, there = pickle.loads(row["task"])
        try:
            for number, chunk in Reading(remote.source_at(place), job, survey=False).chunks(there):
                yield {"value": pickle.dumps((_part(file, number), chunk)), "refused": ""}
        except StudyError as error:
            yield {"value": b"", "refused": str(error)}

    scorer = Scorer(load, job.text_column, job.entity_column, job.prefix, job.on_error, as_option)
    pool = ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2)
    yield from _values(
        _tasks(ray, tasks)
        .flat_map(parts, num_cpus=0)  # the actors hold all processors
        .map_batches(
            _Actor,
            batch_size=1,
            batch_format="pyarrow",
            fn_constructor_args=(scorer, output),
            compute=pool,
            **({"num_gpus": 1} if gpu else {"num_cpus": 1}),
        )
    )


class _Actor:
    """Loads the model once, then scores and writes part after part."""

    def __init__(self, scorer: Scorer, output: str) -> None:
        import ray

        self._scorer, self._output, self._name = scorer, output, ray.get_runtime_context().get_actor_id()

    def __call__(self, batch: pa.Table) -> dict[str, list[Any]]:
        (row,) = batch.to_pylist()
        done = row if row["refused"] else _told(lambda: self._write(*pickle.loads(row["value"])))
        return {name: [value] for name, value in done.items()}

    def _write(self, part: str, chunk: Chunk) -> tuple[str, int]:
        content = io.BytesIO()
        pq.write_table(self._scorer.score(chunk), content)
        content.seek(0)
        addresses.put(f"{self._output}/{part}", content)
        return self._name, len(chunk.lines)
