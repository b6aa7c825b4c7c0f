// What is counted instead of being told: events whose data is {"n": 1}, {"n": 2}
// and so on, by channel, event and, where the data has it, by who sends them
// ("from").

export class Sequences {
  #all = new Map();

  take(channel, event, { n, from = '' }) {
    const key = JSON.stringify([channel, event, from]);
    if (!this.#all.has(key)) this.#all.set(key, { channel, event, from, first: n, last: n - 1, count: 0, twice: 0, late: 0, missing: new Set() });
    step(this.#all.get(key), n);
  }

  list() {
    return Array.from(this.#all.values(), ({ missing, ...rest }) => ({ ...rest, missed: missing.size }));
  }
}

// step takes the next number. One that is not above the last has come before, or
// comes late.
function step(sequence, n) {
  sequence.count++;
  if (n <= sequence.last) {
    if (sequence.missing.delete(n)) sequence.late++;
    else sequence.twice++;
    return;
  }
  for (let missed = sequence.last + 1; missed < n; missed++) sequence.missing.add(missed);
  sequence.last = n;
}
