/** The packets that wait in front of a transmitter: cells of a LinkStorage, first in, first out, with their arrival times. */
export class LinkQueue {
  #cell = new Int32Array(16);
  #since = new Float64Array(16);
  #bytesOf = new Int32Array(16);
  #head = 0;
  /** Packets and bytes that wait. */
  packets = 0;
  bytes = 0;

  push(cell: number, bytes: number, now: number): void {
    if (this.packets === this.#cell.length) this.#grow();
    const place = (this.#head + this.packets) & (this.#cell.length - 1);
    this.#cell[place] = cell;
    this.#since[place] = now;
    this.#bytesOf[place] = bytes;
    this.packets++;
    this.bytes += bytes;
  }

  /** Since when the first packet has waited. Only when there is one. */
  get headSince(): number {
    return this.#since[this.#head]!;
  }

  /** Takes the first packet's cell. Only when there is one. */
  pop(): number {
    const place = this.#head;
    this.#head = (place + 1) & (this.#cell.length - 1);
    this.packets--;
    this.bytes -= this.#bytesOf[place]!;
    return this.#cell[place]!;
  }

  #grow(): void {
    const old = this.#cell.length;
    const cell = new Int32Array(old * 2);
    const since = new Float64Array(old * 2);
    const bytesOf = new Int32Array(old * 2);
    for (let i = 0; i < this.packets; i++) {
      const place = (this.#head + i) & (old - 1);
      cell[i] = this.#cell[place]!;
      since[i] = this.#since[place]!;
      bytesOf[i] = this.#bytesOf[place]!;
    }
    this.#head = 0;
    this.#cell = cell;
    this.#since = since;
    this.#bytesOf = bytesOf;
  }
}
