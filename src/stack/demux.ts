import type { Dormant } from "#tcp/words/dormant";
import type { Rows } from "#tcp/words/rows";
import type { Ends, Tcb } from "#tcp/words/tcb";

/** An entry of the table: a connection, awake or asleep; the number of its row if it is in TIME-WAIT; or -1 less that number if it is half-open. */
export type Row = Tcb | Dormant | number;

const SIZE_MIN = 64;

/**
 * Connections by 4-tuple: an open-addressed hash table with linear probing and backward-shift deletion. The hash is keyed with the stack's
 * secret, so that an attacker cannot cause long probe sequences.
 */
export class Demux {
  #rows: (Row | null)[] = new Array(SIZE_MIN).fill(null);
  #hashes = new Int32Array(SIZE_MIN);
  #size = 0;
  readonly #k0: number;
  readonly #k1: number;
  /** The connection found last: most packets belong to the same connection as the packet before. */
  #last: Tcb | Dormant | null = null;
  readonly #timeWaits: Rows;
  readonly #halfOpens: Rows;

  /** @param k0 @param k1 the key of the hash @param timeWaits rows in TIME-WAIT @param halfOpens rows in SYN-RECEIVED */
  constructor(k0: number, k1: number, timeWaits: Rows, halfOpens: Rows) {
    this.#timeWaits = timeWaits;
    this.#halfOpens = halfOpens;
    this.#k0 = k0;
    this.#k1 = k1 | 1;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The connection with the local socket (l0..l3, localPort) and the remote socket (r0..r3, remotePort), or null. Addresses are words as
   * in `Address`.
   */
  find(
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    localPort: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    remotePort: number,
  ): Row | null {
    const last = this.#last;
    if (last !== null && matches(last, l0, l1, l2, l3, localPort, r0, r1, r2, r3, remotePort)) return last;
    const hash = this.#hash(l3 ^ l2 ^ l1 ^ l0, r0, r1, r2, r3, (localPort << 16) | remotePort);
    const mask = this.#rows.length - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const tcb = this.#rows[i]!;
      if (tcb === null) return null;
      if (this.#hashes[i] !== hash) continue;
      if (typeof tcb === "number") {
        const rows = tcb >= 0 ? this.#timeWaits : this.#halfOpens;
        if (rows.matches(tcb >= 0 ? tcb : ~tcb, l0, l1, l2, l3, localPort, r0, r1, r2, r3, remotePort)) return tcb;
      } else if (matches(tcb, l0, l1, l2, l3, localPort, r0, r1, r2, r3, remotePort)) {
        this.#last = tcb;
        return tcb;
      }
    }
  }

  /** Adds a connection; its 4-tuple must not be there. */
  insert(tcb: Tcb): void {
    if ((this.#size + 1) * 2 > this.#rows.length) this.#resize(this.#rows.length * 2);
    this.#place(tcb, this.#hashOf(tcb));
    this.#size++;
  }

  /** Removes a connection; false if it is not there. */
  remove(tcb: Tcb): boolean {
    if (this.#last === tcb) this.#last = null;
    const mask = this.#rows.length - 1;
    let i = this.#hashOf(tcb) & mask;
    while (this.#rows[i] !== tcb) {
      if (this.#rows[i] === null) return false;
      i = (i + 1) & mask;
    }
    this.#size--;
    // Move back every entry that was displaced past this row, so that no search ends too early.
    for (let j = (i + 1) & mask; this.#rows[j] !== null; j = (j + 1) & mask) {
      const home = this.#hashes[j]! & mask;
      if (((j - home) & mask) < ((j - i) & mask)) continue;
      this.#rows[i] = this.#rows[j]!;
      this.#hashes[i] = this.#hashes[j]!;
      i = j;
    }
    this.#rows[i] = null;
    // Far fewer than before: frees memory. There is room for twice as many before the table grows again.
    const { length } = this.#rows;
    if (length > SIZE_MIN && this.#size * 8 < length) this.#resize(length / 2);
    return true;
  }

  /** Replaces the entry of a connection that fell asleep or woke, or was stored in a row or restored. */
  exchange(old: Row, now: Row, ends: Ends): void {
    if (this.#last === old) this.#last = null;
    const mask = this.#rows.length - 1;
    for (let i = this.#hashOf(ends) & mask; this.#rows[i] !== null; i = (i + 1) & mask) {
      if (this.#rows[i] !== old) continue;
      this.#rows[i] = now;
      return;
    }
  }

  /** All connections, in no particular order. */
  *values(): Generator<Row> {
    for (const tcb of this.#rows) if (tcb !== null) yield tcb;
  }

  #place(tcb: Row, hash: number): void {
    const mask = this.#rows.length - 1;
    let i = hash & mask;
    while (this.#rows[i] !== null) i = (i + 1) & mask;
    this.#rows[i] = tcb;
    this.#hashes[i] = hash;
  }

  #resize(length: number): void {
    const rows = this.#rows;
    const hashes = this.#hashes;
    this.#rows = new Array(length).fill(null);
    this.#hashes = new Int32Array(length);
    for (let i = 0; i < rows.length; i++) if (rows[i] !== null) this.#place(rows[i]!, hashes[i]!);
  }

  #hashOf(tcb: Ends): number {
    const { local, remote } = tcb;
    const mixed = local.d ^ local.c ^ local.b ^ local.a;
    return this.#hash(mixed, remote.a, remote.b, remote.c, remote.d, (tcb.localPort << 16) | tcb.remotePort);
  }

  #hash(local: number, r0: number, r1: number, r2: number, r3: number, ports: number): number {
    let h = Math.imul(ports ^ this.#k0, 0x85ebca6b) ^ this.#k1;
    h = Math.imul(h ^ (h >>> 15) ^ r3, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 13) ^ r2, this.#k1);
    if ((r0 | r1) !== 0) {
      h = Math.imul(h ^ (h >>> 16) ^ r1, 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 15) ^ r0, 0xc2b2ae35);
    }
    h = Math.imul(h ^ (h >>> 16) ^ local, this.#k1);
    return h ^ (h >>> 14);
  }
}

function matches(
  tcb: Ends,
  l0: number,
  l1: number,
  l2: number,
  l3: number,
  localPort: number,
  r0: number,
  r1: number,
  r2: number,
  r3: number,
  remotePort: number,
): boolean {
  return (
    tcb.remotePort === remotePort &&
    tcb.localPort === localPort &&
    tcb.remote.equalsWords(r0, r1, r2, r3) &&
    tcb.local.equalsWords(l0, l1, l2, l3)
  );
}
