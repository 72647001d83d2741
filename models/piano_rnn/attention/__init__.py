"""The network of gru_attention: GRUs and self-attention over tokens."""
