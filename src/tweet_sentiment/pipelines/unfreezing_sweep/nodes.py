"""Layer unfreezing once for each number of unfrozen blocks; a row that an interrupted sweep had finished is kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import fingerprint
from tweet_sentiment.storage import atomic_write


def sweep(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Unfreeze the head and the top k blocks, for each k of ``unfreezing_sweep.top_blocks``; return one row a k.

    The dev split are held out of training throughout, so that a k can be chosen by ``dev_accuracy``;
    ``accuracy``, ``low`` and ``high`` are of the test posts. With k = 0 the head learns on stored features.
    """
    from tweet_sentiment.modeling.fitting import FittingData

    from .blocks import fit_blocks

    data = FittingData(training_tokens, test_tokens, training_features, test_features)
    rows = []
    for top_blocks in parameters.unfreezing_sweep.top_blocks:
        one = parameters.unfreezing_sweep.one(), parameters.uncertainty, row_counts, top_blocks
        mark = fingerprint(parameters.decisive(), *one)
        path = working_folder / f"{top_blocks}-{mark}.json"
        if not path.exists():
            row = fit_blocks(data, top_blocks, row_counts, working_folder, parameters)
            with atomic_write(path) as new:
                new.write_text(json.dumps(row), encoding="utf-8")
        rows.append(json.loads(path.read_text(encoding="utf-8")))
    return pd.DataFrame(rows)


def plot_sweep(table_of_blocks: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy against the number of unfrozen blocks."""
    from tweet_sentiment.reports.sweeps import sweep_figure

    return sweep_figure(table_of_blocks, "top_blocks", "unfrozen blocks", parameters.protocol, parameters.chosen_on)
