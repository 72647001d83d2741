"""Models that predict the next event: the contract kept for them, the network, sampling."""
