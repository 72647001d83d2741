"""The network of `peers.py` in plain Keras, as a tutorial would write it; cuDNN computes its layers on a GPU."""

import sys
import time

import keras
import numpy as np
import tensorflow as tf


def main() -> None:
    """Says that it is ready; trains for as many seconds as each line asks for, and answers with events a second."""
    for gpu in tf.config.list_physical_devices('GPU'):
        tf.config.experimental.set_memory_growth(gpu, True)
    known = dict(np.load(sys.argv[1]))
    keras.mixed_precision.set_global_policy(
        'mixed_bfloat16' if str(known['precision']) == 'bfloat16' else str(known['precision'])
    )
    clock = time.perf_counter if str(known['device']) == 'gpu' else time.process_time
    network = keras.Sequential([keras.Input(known['inputs'].shape[2:])])
    for units in known['rnn_layer_sizes'].tolist():
        network.add(keras.layers.LSTM(units, return_sequences=True))
        network.add(keras.layers.Dropout(1 - float(known['dropout_keep_prob'])))
    network.add(keras.layers.Dense(int(known['classes']), dtype='float32'))
    network.compile(
        keras.optimizers.Adam(float(known['learning_rate']), global_clipnorm=float(known['clip_norm'])),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = [
        (tf.constant(x), tf.constant(y)) for x, y in zip(known['inputs'], known['labels'].astype(np.int32), strict=True)
    ]
    done = 0
    print('ready', flush=True)
    for line in sys.stdin:
        seconds, events, began = float(line), 0, clock()
        while not events or clock() - began < seconds:
            inputs, labels = batches[done % len(batches)]
            network.train_on_batch(inputs, labels)
            events += int(tf.size(labels))
            done += 1
        print(events / (clock() - began), flush=True)


if __name__ == '__main__':
    main()
