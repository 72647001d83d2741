// node continue.js FOLDER REQUESTS ANSWERS: lets @magenta/music continue sequences with the model exported to FOLDER.
//
// REQUESTS is a JSON list of {notes, totalQuantizedSteps, stepsPerQuarter, steps}; ANSWERS becomes a JSON list of
// {probabilities, notes}: for each new step the next event's probabilities, and the new notes. The likeliest event is
// taken at each step. The package fetches the folder's files over HTTP, as in a page.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

console.log = console.info = console.warn = () => {};  // greetings of TensorFlow.js

const { NoteSequence } = require('@magenta/music/node/protobuf');
const { MusicRNN } = require('@magenta/music/node/music_rnn');

const [folder, requests, answers] = process.argv.slice(2);

function modelClass() {
  const script = path.resolve(folder, 'attention.js');
  const plain = process.env.PLAIN_MUSIC_RNN || !fs.existsSync(script);
  return plain ? MusicRNN : require(script).withAttention(MusicRNN);
}

function serve() {
  const server = http.createServer((request, response) => {
    fs.readFile(path.join(folder, path.basename(request.url)), (error, data) => {
      response.writeHead(error ? 404 : 200);
      response.end(data);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function main() {
  const server = await serve();
  try {
    const model = new (modelClass())(`http://127.0.0.1:${server.address().port}`);
    await model.initialize();
    const results = [];
    for (const { notes, totalQuantizedSteps, stepsPerQuarter, steps } of JSON.parse(fs.readFileSync(requests))) {
      const sequence = NoteSequence.create({ notes, totalQuantizedSteps, quantizationInfo: { stepsPerQuarter } });
      const { probs, sequence: continued } = await model.continueSequenceAndReturnProbabilities(sequence, steps);
      if (process.env.DISPOSE) model.dispose();  // a page may do so to save memory; the next use loads the model again
      results.push({ probabilities: probs.map((p) => Array.from(p)), notes: (await continued).notes });
    }
    fs.writeFileSync(answers, JSON.stringify(results));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

main().catch((error) => {
  console.error(String(error.message));
  process.exit(1);
});
