/** The FIFO queue in front of a transmitter: cells of a LinkStorage, with their arrival times. */
export class LinkQueue {
  #cell = new Int32Array(16);
  #since = new Float64Array(16);
  #bytesOf = new Int32Array(16);
  #head = 0;
  /** Queued packets and bytes. */
  packets = 0;
  bytes = 0;
  /** When the packet that was removed last had arrived. */
  poppedSince = 0;

  push(cell: number, bytes: number, now: number): void {
    if (this.packets === this.#cell.length) this.#grow();
    const place = (this.#head + this.packets) & (this.#cell.length - 1);
    this.#cell[place] = cell;
    this.#since[place] = now;
    this.#bytesOf[place] = bytes;
    this.packets++;
    this.bytes += bytes;
  }

  /** When the first packet arrived. The queue must not be empty. */
  get headSince(): number {
    return this.#since[this.#head]!;
  }

  /** Removes the first packet and returns its cell. The queue must not be empty. */
  pop(): number {
    const place = this.#head;
    this.poppedSince = this.#since[place]!;
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
