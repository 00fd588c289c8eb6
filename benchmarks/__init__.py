"""This project beside the paper's script: same posts, same encoder, same machine, same run."""
