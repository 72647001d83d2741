"""Files that are written whole or not at all: records, tensors, checkpoints, and schemas of stored JSON."""
