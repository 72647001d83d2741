// All words of the page in one language; another language is another file like this one.
const sides = { training: 'Training music', evaluation: 'Music held out' }
const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
const minutes = number => (number < 1 ? count(Math.round(number * 60), 'second') : count(Math.round(number), 'minute'))
const duration = seconds => (seconds < 90 ? count(Math.max(1, Math.round(seconds)), 'second') : seconds < 5400 ? count(Math.round(seconds / 60), 'minute') : count(Math.round(seconds / 3600), 'hour'))
const setting = (name, value) => `“${name.replaceAll('_', ' ')}”${value === true ? '' : ` ${value}`}`

export const texts = {
    title: 'Solferino',
    views: { make: 'Make', learn: 'Learn', know: 'Know' },
    viewsLabel: 'Views',
    skip: 'Skip to the content',
    noServer: 'The studio does not answer. Is it still running in the terminal?',
    noToken: 'Open the address that the studio printed when it started: it ends in #token=…',
    login: { title: 'Password', intro: 'If the studio was started for others too, it asks for a password instead.', password: 'Password', enter: 'Enter' },
    loading: 'Loading …',
    noModels: 'There is no model yet. Start the studio with --bundle_file=model.mag, or train one under Learn.',
    waiting: position => `Waiting: ${position} in the queue.`,
    play: 'Play',
    stop: 'Stop',
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
        hearHere: name => `the run in ${name}`,
        hearThere: name => `it in ${name}`,
        measured: 'What is measured',
        measuredSaid: (made, known) =>
            `Means of ${made} pieces made and of ${known} training pieces, with intervals of 95 %. ` +
            'Alike tells how much the two sets overlap: 100 % where they cannot be told apart by this measure.',
        measuredHeader: ['Measure', 'Made', 'Learned from', 'Alike'],
        interval: (low, high) => `(${low} to ${high})`,
        alike: 'alike',
    },
    // Music to see and to hear, and the forms of all views: src/parts/.
    parts: {
        drum: pitch => `Drum ${pitch}`,
        program: number => `Program ${number}`,
        place: ({ bar, beat }) => `Bar ${bar}, beat ${beat}`,
        placeIn: name => `Place in ${name}`,
        playOf: name => `Play ${name}`,
        pauseOf: name => `Pause ${name}`,
        loopOf: name => `Loop ${name}`,
        tempo: 'Tempo',
        qpm: qpm => `${Math.round(qpm)} quarters a minute`,
        tempoAndPlace: (qpm, bar, beat) => `${Math.round(qpm)} qpm · ${bar}.${beat}`,
        loadingSound: 'Loading the instruments …',
        sound: {
            unsupported: 'This browser cannot play music on the page (it has no AudioContext with worklets). Save the piece as MP3 instead.',
            failed: 'The instruments did not load, so nothing can be heard. Is the studio still running? Press play to try again.',
        },
        tracks: 'Instruments',
        mute: 'Mute',
        solo: 'Solo',
        muteTrack: name => `Mute ${name}`,
        soloTrack: name => `Solo ${name}`,
        copy: 'Copy',
        copyOf: label => `Copy: ${label}`,
        copied: 'Copied.',
        notCopied: 'The browser does not allow it: select the text and copy it yourself.',
    },

    make: {
        loading: 'Loading the models …',
        again: 'Try again',
        noneLoads: 'None of the models can be used:',

        form: {
            model: 'Model',
            modelLabel: 'Plays like',
            modelName: model => `${model.name} (${model.family}, ${model.config})`,
            reading: 'More models are being read …',
            failed: count => (count === 1 ? '1 model does not load' : `${count} models do not load`),
            title: 'What to make',
            length: 'Length',
            lengthIn: unit => (unit === 'num_bars' ? 'Length in bars' : 'Length in seconds'),
            unit: 'Unit of the length',
            units: { num_bars: 'bars', seconds: 'seconds' },
            usual: 'usual',
            lengthHint: 'The beginning included.',
            temperature: 'Temperature',
            temperatureHint: (preset, isFound) =>
                `${isFound ? 'Recommended for this model' : 'Usual'}: ${preset}. Higher surprises more, lower repeats more.`,
            tempo: 'Tempo',
            tempoHint: 'Quarters a minute.',
            tempoOfPrimer: 'Quarters a minute, of the beginning too.',
            variations: 'Variations',
            seed: 'Seed',
            random: 'random',
            seedHint: 'The same seed makes the same music again.',
            more: 'More',
            none: 'none',
            generate: 'Generate',
        },

        editor: {
            title: 'Beginning',
            name: 'the beginning',
            intro: isDrums => isDrums
                ? 'Tap in a beat, or drop a MIDI file here. Leave it empty, and the model begins by itself.'
                : 'Draw notes, or drop a MIDI file here. Leave it empty, and the model begins by itself.',
            takesNone: name => `${name} makes its music as a whole, from nothing: it takes no beginning.`,
            bars: 'Bars',
            undo: 'Undo',
            redo: 'Redo',
            clear: 'Clear',
            higher: 'Higher',
            lower: 'Lower',
            choose: 'Open a MIDI file',
            save: 'Save as MIDI',
            reading: name => `Reading ${name} …`,
            read: (name, count, bars, most) =>
                `${name}: ${count} notes in ${bars} ${bars === 1 ? 'bar' : 'bars'}.` + (bars > most ? ` The first ${most} are the beginning; choose more or fewer above.` : ''),
            other: isDrums => isDrums
                ? 'This file has no drums, and the model plays drums. Its notes are sent to the model, but the grid shows none.'
                : 'This file has only drums, and the model plays notes. Its drums are sent to the model, but the picture shows none.',
            notRead: (name, why) => `${name} could not be read: ${why.replace(/\.?$/, '.')} Try another file.`,
            role: isDrums => (isDrums ? 'drum grid' : 'piano roll'),
            label: isDrums => (isDrums ? 'Beginning, a grid of drums' : 'Beginning, a piano roll'),
            help: isDrums => isDrums
                ? 'Keys: arrows move, space strikes or erases, Ctrl+Z undoes.'
                : 'Drag to draw a longer note, drag a note to move it, click it to erase it. Keys: arrows move, space draws or erases, Shift with left or right makes it shorter or longer, Page Up and Down go an octave, Ctrl+Z undoes.',
            cell: ({ bar, beat, step, name, steps }) =>
                `Bar ${bar}, beat ${beat}${step > 1 ? `, step ${step}` : ''}, ${name}: ${steps ? (steps > 1 ? `note of ${steps} steps` : 'on') : 'empty'}`,
        },

        job: {
            asking: 'Asking …',
            waiting: position => (position === 1 ? 'Next in the queue …' : `Number ${position} in the queue …`),
            running: 'Generating …',
            lost: 'The connection is lost; trying again …',
            cancel: 'Cancel',
            withdrawn: 'Cancelled.',
            done: count => (count === 1 ? 'One variation is ready below.' : `${count} variations are ready below.`),
        },

        pieces: {
            title: 'Made',
            none: 'Nothing yet. What you generate is listed here, to hear and to keep.',
            onlyKept: 'Only kept',
            more: 'Show more',
            discarded: (name, count, seconds) => `${count === 1 ? name : `${count} pieces`} discarded. It can be undone for ${seconds} seconds.`,
            undo: 'Undo',
        },

        piece: {
            about: (bars, notes, when) => `${bars} ${bars === 1 ? 'bar' : 'bars'}, ${notes} ${notes === 1 ? 'note' : 'notes'} · ${when}`,
            seed: 'Seed',
            reuse: 'Use again',
            reuseOf: name => `Use again: the seed of ${name}`,
            seedTaken: seed => `Seed ${seed} stands in the field above.`,
            given: 'given',
            made: 'made',
            keep: 'Keep',
            keepOf: name => `Keep ${name}`,
            discard: 'Discard',
            discardOf: name => `Discard ${name}`,
            compare: 'Compare',
            compareOf: name => `Compare ${name}`,
            goOn: 'Go on',
            keepFirst: 'Keep the bars up to',
            continueFrom: 'Continue from there',
            continued: bars => `Its first ${bars === 1 ? 'bar is' : `${bars} bars are`} the beginning now. Generate when you like.`,
            takesNone: 'Its model takes no beginning.',
            modelGone: 'Its model is not there any more.',
            fromBar: 'Bars',
            toBar: 'to',
            infill: 'Make them anew',
            chooseBars: 'Choose bars here, or drag over their numbers above the picture.',
            looped: 'The loop plays these bars alone.',
            noInfill: takesPrimer =>
                `Its model cannot make single bars anew.${takesPrimer ? ' Continue from the bar before them instead.' : ''}`,
            save: 'Save',
            saveAs: (name, format) => `Save ${name} as ${format}`,
            saving: 'Saving …',
            saved: format => `Saved as ${format}.`,
            copy: 'As a command',
            command: 'Command line',
            python: 'Python',
            needsFile: name => `Both read ${name}, which is what this was made from.`,
            saveFile: name => `Save ${name}`,
        },

        compare: {
            title: 'Compare',
            oneMore: name => `${name} is A. Press “Compare” at another one to hear them in turn.`,
            heard: 'Which one is heard',
            both: 'the comparison',
            close: 'Close',
        },
    },

    // Learn: src/learn/.
    learn: {
        dropHeading: 'Music to learn from',
        dropHint: kinds => `Drop a folder of music here, or a zip of it: ${kinds}. It stays on this machine.`,
        chooseFolder: 'Choose a folder',
        chooseFiles: 'Choose files or a zip',
        noMusic: kinds => `There is no music in it that is read here. It takes files that end in ${kinds}, or a zip of them.`,
        unnamed: 'Dropped music',
        sending: (name, sent, total) => `Sending ${name}: ${sent} of ${count(total, 'file')}.`,
        sendingLabel: 'Files that have arrived',
        interrupted: (sent, total, why) => `It was interrupted: ${sent} of ${count(total, 'file')} arrived. ${why}`,
        sendRest: 'Send the rest',
        giveUp: 'Leave the rest out',
        collections: 'Collections',
        noCollections: 'Nothing yet. Twenty files are enough to begin with; some hundred make a better model.',
        collection: (name, files) => `${name}: ${count(files, 'file')}`,
        reallyDiscard: name => `Discard ${name}? It cannot be brought back.`,
        discardCollection: 'Discard the collection',
        collectionState: (state, { files, converted }) =>
            ({
                new: files ? `${count(files, 'file')} arrived, and nothing was read yet.` : 'It is empty.',
                running: 'Reading …',
                done: converted
                    ? `Read: ${count(converted.files ?? 0, 'file')}, ${count(converted.notes ?? 0, 'note')}, ${minutes(converted.minutes ?? 0)} of music.`
                    : '',
            })[state] ?? '',
        readIt: 'Read it',
        otherFiles: number => `${count(number, 'file')} of other kinds ${number === 1 ? 'was' : 'were'} not sent.`,
        refused: number => `Not taken: ${count(number, 'file')}`,
        leftOut: number => `Left out: ${count(number, 'file')}`,
        withoutNotes: number => `Without notes: ${count(number, 'file')}`,
        noticed: 'What was noticed',
        counted: (number, what) => `${number.toLocaleString('en')} ${what}`,
        file: 'File',
        why: 'Why',
        whatToDo: 'What to do',
        whatToLearn: 'What to learn',
        nothingToLearn: 'No model can learn from this music as it was read. Below is what each of them misses, and what may help.',
        othersNeed: number => `${count(number, 'model')} ${number === 1 ? 'finds' : 'find'} nothing in this music`,
        config: ({ config, family }) => `${config.replaceAll('_', ' ')} (${family})`,
        material: ({ pieces, tried, examples }) => `Learns from ${pieces} of ${count(tried, 'piece')}: ${count(examples, 'example')}.`,
        benchmark: ({ score, cost }) => `On real music: ${score}, trained in ${cost}.`,
        leavesOut: ({ config }) => `What ${config.replaceAll('_', ' ')} leaves out:`,
        reason: ({ reason, count: times, files, remedy }) => `${times}× ${reason} (${files.join(', ')}${times > files.length ? ', …' : ''}). ${remedy} `,
        readWith: options => `Read with ${Object.entries(options).map(([name, value]) => setting(name, value)).join(', ')}.`,
        readPlain: 'Read as at first',
        readAgainWith: ({ label, value }) => `Read again with “${label}”${value === true ? '' : ` ${value}`}`,
        howLong: 'How long to train',
        preset: ({ name }) => `About ${name.replaceAll('_', ' ')}`,
        expect: ({ steps, expect }) => `${count(steps, 'step')}. Measured: ${expect}.`,
        ownLength: 'As many steps as I say',
        ownLengthHint: 'With the settings of the model itself, which are for hours and large collections.',
        steps: 'Steps',
        train: ({ config }) => `Train ${config.replaceAll('_', ' ')}`,
        trainings: 'Trainings',
        noTrainings: 'None yet. Choose above what to learn.',
        trainingName: ({ config, collection, run }) => `${config.replaceAll('_', ' ')}${collection ? ` on ${collection}` : run ? ` in ${run}` : ''}`,
        diagnosis: ({ kind, text }) => (kind === 'too early to say' ? 'It is too early to say how it learns.' : text),
        shortState: {
            new: 'not begun', waiting: 'waiting', running: 'training', done: 'done', failed: 'failed', stopped: 'stopped', killed: 'broken off',
        },
        state: ({ state, position, step, total, preparing, seconds_left: left }) =>
            ({
                new: 'It has not begun.',
                waiting: `It waits for its turn: ${position} in the queue.`,
                running: preparing
                    ? 'Making examples of the music …'
                    : step
                      ? `Training: step ${step.toLocaleString('en')}${total ? ` of ${total.toLocaleString('en')}` : ''}${left === null ? '' : `, ${duration(left)} left`}.`
                      : 'The network is being made ready. The first step takes longest.',
                done: `It has reached step ${step.toLocaleString('en')}.`,
                stopped: step ? `Stopped at step ${step.toLocaleString('en')}. What it learned is kept.` : 'Stopped before it began.',
                failed: 'It failed.',
                killed: 'It broke off.',
            })[state] ?? '',
        progress: ({ step, total }) => `Step ${step} of ${total}`,
        stop: 'Stop and keep',
        doNotBegin: 'Do not begin',
        goOn: 'Go on',
        goOnTo: steps => `Go on to step ${steps.toLocaleString('en')}`,
        discardTraining: 'Discard the training',
        curves: 'Loss: how much the music surprises it. Less is better.',
        noCurves: 'There are no figures yet.',
        curvesLabel: (curves, table) => {
            const said = ['training', 'evaluation'].filter(side => curves[side]?.length).map(side => {
                const [step, loss] = curves[side].at(-1)
                return `${sides[side]}: from ${curves[side][0][1].toFixed(2)} to ${loss.toFixed(2)} at step ${step}`
            })
            return `Loss by step. ${said.join('; ')}.${table == null ? '' : ` A table of what usually follows what: ${table.toFixed(2)}.`}`
        },
        stepAxis: 'Step',
        lossAxis: 'Loss in nats',
        sides,
        tableLoss: loss => `A table of what usually follows what: ${loss}`,
        figures: 'The figures',
        samples: 'What it makes, from the same seed each time',
        noSamples: 'There is something to hear once it was evaluated.',
        atStep: step => `Step ${step.toLocaleString('en')}`,
        silentSample: step => `At step ${step.toLocaleString('en')} it plays nothing yet.`,
        modelName: 'Name of the model',
        modelNameHint: 'The best weights so far are saved under this name. Then it is in Make.',
        save: 'Save as a model',
        saving: 'Saving …',
        saved: name => `${name} is saved. It is in Make now.`,
        log: 'Log',
        emptyLog: 'Nothing yet.',
        readLogAgain: 'Read again',
    },
}
