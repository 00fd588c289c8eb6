"""What is refused before the first node."""

import pytest
from kedro.io import DataCatalog, MemoryDataset

from tweet_sentiment.errors import StudyError
from tweet_sentiment.hooks.checks import CheckMachine
from tweet_sentiment.pipeline_registry import register_pipelines


def test_an_encoder_that_is_not_there_is_refused_before_a_pipeline_that_makes_tokens(parameters):
    absent = parameters.model.model_copy(update={"checkpoint": "./nowhere"})
    sections = {"params:model": absent, "params:compute": parameters.compute, "parameters": vars(parameters)}
    catalog = DataCatalog({name: MemoryDataset(section) for name, section in sections.items()})
    pipelines = register_pipelines()
    with pytest.raises(StudyError, match=r"there is no folder \./nowhere"):
        CheckMachine().before_pipeline_run(pipelines["data_processing"], catalog)
    CheckMachine().before_pipeline_run(pipelines["reporting"], catalog)
