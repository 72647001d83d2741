"""The network of gru_nade: a GRU and a NADE over keys."""
