"""Files of any size through a predictor: read in chunks, written in parts, resumable, in constant memory."""

from tweet_sentiment.predictor.files.job import FileJob, Summary
from tweet_sentiment.predictor.files.predicting import predict_file

__all__ = ["FileJob", "Summary", "predict_file"]
