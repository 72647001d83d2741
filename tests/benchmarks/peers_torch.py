"""The network of `peers.py` in PyTorch, as a tutorial would write it. It runs in an environment without Solferino."""

import itertools
import sys
import time

import numpy as np
import torch


class Network(torch.nn.Module):
    """Layers of LSTM, and a linear one."""

    def __init__(self, known: dict[str, np.ndarray]) -> None:
        super().__init__()
        sizes = [known['inputs'].shape[-1], *known['rnn_layer_sizes'].tolist()]
        self.layers = torch.nn.ModuleList(
            torch.nn.LSTM(before, after, batch_first=True) for before, after in itertools.pairwise(sizes)
        )
        self.dropout = torch.nn.Dropout(1 - float(known['dropout_keep_prob']))
        self.logits = torch.nn.Linear(sizes[-1], int(known['classes']))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [batch, events, classes] of inputs [batch, events, size]."""
        for layer in self.layers:
            x = self.dropout(layer(x)[0])
        return self.logits(x)


def main() -> None:
    """Says that it is ready; trains for as many seconds as each line asks for, and answers with events a second."""
    torch.set_num_threads(1)
    known = dict(np.load(sys.argv[1]))
    device, clock = 'cpu', time.process_time
    if str(known['device']) == 'gpu':
        device, clock = 'cuda', time.perf_counter
    batches = [
        (torch.from_numpy(x).to(device), torch.from_numpy(y).long().to(device))
        for x, y in zip(known['inputs'], known['labels'], strict=True)
    ]
    network = Network(known).to(device)
    rounded = torch.autocast(device, torch.bfloat16, enabled=str(known['precision']) == 'bfloat16')
    optimizer = torch.optim.Adam(network.parameters(), float(known['learning_rate']))
    done = 0
    print('ready', flush=True)
    for line in sys.stdin:
        seconds, events, began = float(line), 0, clock()
        while not events or clock() - began < seconds:
            inputs, labels = batches[done % len(batches)]
            optimizer.zero_grad()
            with rounded:
                loss = torch.nn.functional.cross_entropy(network(inputs).flatten(0, 1), labels.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), float(known['clip_norm']))
            optimizer.step()
            loss.item()  # a trainer reports it; a GPU has then done the step
            events += labels.numel()
            done += 1
        print(events / (clock() - began), flush=True)


if __name__ == '__main__':
    main()
