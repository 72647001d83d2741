"""What every family shares: records, examples, networks, training, sampling, checkpoints, bundles."""
