"""What <family>_train does: batches, the loop, evaluation, TensorBoard."""
