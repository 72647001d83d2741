"""The network of `peers.py` in JAX, one compiled step. It runs in an environment without Solferino."""

import functools
import itertools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax


def begin(known):
    """Weights: of each layer those of its inputs, of its outputs, and biases; then those of the logits."""
    rng = np.random.default_rng(0)
    sizes = [known['inputs'].shape[-1], *known['rnn_layer_sizes'].tolist()]

    def uniform(*shape):
        return jnp.asarray(rng.uniform(-0.1, 0.1, shape), jnp.float32)

    layers = [(uniform(a, 4 * b), uniform(b, 4 * b), uniform(4 * b)) for a, b in itertools.pairwise(sizes)]
    return layers, (uniform(sizes[-1], int(known['classes'])), uniform(int(known['classes'])))


def lstm(x, kernel, recurrent, bias):
    """Outputs [events, batch, units]; the inputs of all events are multiplied at once."""
    projected = x @ kernel + bias
    units = recurrent.shape[0]

    def step(state, now):
        hidden, cell = state
        i, f, g, o = jnp.split(now + hidden @ recurrent, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    zeros = jnp.zeros((x.shape[1], units))
    return jax.lax.scan(step, (zeros, zeros), projected)[1]


def loss(weights, inputs, labels, key, keep):
    """The mean over all events."""
    layers, (kernel, bias) = weights
    x = jnp.swapaxes(inputs, 0, 1)
    for number, layer in enumerate(layers):
        x = lstm(x, *layer)
        if keep < 1:
            x = jnp.where(jax.random.bernoulli(jax.random.fold_in(key, number), keep, x.shape), x / keep, 0)
    logits = x @ kernel + bias
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels.T).mean()


def main():
    """Says that it is ready; trains for as many seconds as each line asks for, and answers with events a second."""
    known = dict(np.load(sys.argv[1]))
    clock = time.perf_counter if str(known['device']) == 'gpu' else time.process_time
    optimizer = optax.chain(
        optax.clip_by_global_norm(float(known['clip_norm'])), optax.adam(float(known['learning_rate']))
    )
    gradient = jax.value_and_grad(functools.partial(loss, keep=float(known['dropout_keep_prob'])))

    @jax.jit
    def step(weights, state, inputs, labels, key):
        value, gradients = gradient(weights, inputs, labels, key)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, value

    weights = begin(known)
    state, key, done = optimizer.init(weights), jax.random.key(0), 0
    batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in zip(known['inputs'], known['labels'], strict=True)]
    print('ready', flush=True)
    for line in sys.stdin:
        seconds, events, began = float(line), 0, clock()
        while not events or clock() - began < seconds:
            inputs, labels = batches[done % len(batches)]
            weights, state, value = step(weights, state, inputs, labels, jax.random.fold_in(key, done))
            value.block_until_ready()
            events += labels.size
            done += 1
        print(events / (clock() - began), flush=True)


if __name__ == '__main__':
    main()
