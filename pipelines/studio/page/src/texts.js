// All words of the page in one language; another language is another file like this one.
export const texts = {
    title: 'Solferino',
    views: { make: 'Make', learn: 'Learn', know: 'Know' },
    noServer: 'The studio does not answer. Is it still running in the terminal?',
    noToken: 'Open the address that the studio printed when it started: it ends in #token=…',
    loading: 'Loading …',
    noModels: 'There is no model yet. Start the studio with --bundle_file=model.mag, or train one under Learn.',
    model: 'Model',
    variations: 'Variations',
    temperature: 'Temperature',
    bars: 'Bars',
    generate: 'Generate',
    generating: 'Generating …',
    waiting: position => `Waiting: ${position} in the queue.`,
    play: 'Play',
    stop: 'Stop',
    download: format => `Save as ${format}`,
    noPieces: 'Nothing made yet.',
    pieceName: (piece, count) => `${piece.name}: ${count} notes`,

    know: {
        title: 'How it compares with what it learned from',
        noPieces: 'Nothing has been made yet. Make some music first, then come back.',
        noReferences: 'There is no training music to compare with. Train a model under Learn, or start the studio with --music=folder.',
        reference: 'Training music',
        list: 'Pieces',
        pieces: (chosen, all) => `${chosen} of ${all} pieces`,
        keptPiece: name => `${name} (kept)`,
        judge: 'Compare',
        judging: 'Comparing … large collections take up to a minute.',
        copied: 'What is copied',
        copiedSaid: (long, all, usual, known) =>
            `95 of 100 of the ${known} training pieces have at most ${usual} notes on end from one another. ` +
            `${long} of ${all} pieces here ${long === 1 ? 'copies' : 'copy'} more. In any key, and at any place of the bar.`,
        copiedHeader: ['Piece', 'Longest run, notes', 'Bars', 'In runs of 8 or more', 'Here', 'There'],
        tooLong: notes => `${notes}: more than usual`,
        bar: bar => `bar ${bar}`,
        there: (name, bar, semitones) =>
            `${name}, bar ${bar}` +
            (semitones ? `, ${Math.abs(semitones)} semitones ${semitones > 0 ? 'lower' : 'higher'} there` : ''),
        hearHere: name => `Hear the run in ${name}`,
        hearThere: name => `Hear it in ${name}`,
        measured: 'What is measured',
        measuredSaid: (made, known) =>
            `Means of ${made} pieces made and of ${known} training pieces, with intervals of 95 %. ` +
            'Alike tells how much the two sets overlap: 100 % where they cannot be told apart by this measure.',
        measuredHeader: ['Measure', 'Made', 'Learned from', 'Alike'],
        interval: (low, high) => `(${low} to ${high})`,
        alike: 'alike',
    },
}
