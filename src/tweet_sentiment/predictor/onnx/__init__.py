"""Models as ONNX: written, checked against PyTorch on real posts, and run by onnxruntime."""

from tweet_sentiment.predictor.onnx.backend import OnnxBackend, is_onnx, load_onnx

__all__ = ["OnnxBackend", "is_onnx", "load_onnx"]
