/**
 * Lets MusicRNN of @magenta/music run a model of Solferino whose first layer attends to its own last outputs.
 *
 *     const AttentionRNN = solferino.withAttention(mm.MusicRNN);
 *     const model = new AttentionRNN('web');  // from here on as with MusicRNN
 *
 * The equations are those of Solferino's models/core/events/event_forward.py (Bahdanau et al. 2015, arXiv:1409.0473).
 */
(function (scope) {
  'use strict';

  const TYPE = 'SolferinoAttentionRNN';

  function withAttention(MusicRNN) {
    return class AttentionRNN extends MusicRNN {
      async initialize() {
        if (!this.spec) {
          const spec = await (await fetch(`${this.checkpointURL}/config.json`)).json();
          if (spec.type !== TYPE) {
            throw new Error(`${this.checkpointURL} holds a ${spec.type}, not a ${TYPE}.`);
          }
          this.spec = spec;
        }
        await super.initialize();
        this.attendInFirstLayer();
      }

      /**
       * MusicRNN hands a layer's h to the next layer, and keeps (c, h) until the next step. So the output is h, and c
       * is all that the layer must remember: [cell, hidden, context, memory], each of `units` but the memory.
       */
      attendInFirstLayer() {
        const lstm = this.lstmCells[0];
        const units = this.biasShapes[0] / 4;
        const length = this.attentionLength;
        const times = (x, name) => x.matMul(this.rawVars[`attention/${name}_kernel`]);
        const bias = (name) => this.rawVars[`attention/${name}_bias`];

        this.biasShapes[0] = 4 * (3 + length) * units;  // a layer's state is made with a quarter of it
        this.lstmCells[0] = (input, state) => {
          const [cell, hidden, past] = [0, 1, 2].map((k) => state.slice([0, k * units], [1, units]));
          const memory = state.slice([0, 3 * units]).reshape([length, units]);
          const x = times(input, 'input').add(times(past, 'context')).add(bias('input'));
          const [c, h] = lstm(x, cell, hidden);
          const query = times(c.concat(h, 1), 'query').add(bias('query'));
          const scores = times(memory, 'memory').add(query).tanh().mul(this.rawVars['attention/score']).sum(1);
          const context = scores.softmax().reshape([1, length]).matMul(memory);
          const output = times(h.concat(context, 1), 'output').add(bias('output'));
          const remembered = memory.concat(output, 0).slice([1, 0]).reshape([1, length * units]);
          return [c.concat([h, context, remembered], 1), output];
        };
      }
    };
  }

  const solferino = { withAttention };
  if (typeof module === 'object' && module.exports) {
    module.exports = solferino;
  } else {
    scope.solferino = solferino;
  }
})(typeof self === 'undefined' ? this : self);
