"""What the blocks of a CPU in bf16 were asked for."""

import pytest

from tweet_sentiment.modeling.fast import blocks, cpu


@pytest.fixture
def in_bf16(monkeypatch):
    """The number of positions that ``block_in_bf16`` computed, by block."""
    positions, compute = [], cpu.block_in_bf16

    def counting(layers, query_states, *given):
        positions.append(query_states.shape[1])
        return compute(layers, query_states, *given)

    monkeypatch.setattr(blocks, "block_in_bf16", counting)
    return positions
