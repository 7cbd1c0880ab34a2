/** Bytes that come in pieces of any size and are taken in whole records. */
export class ByteQueue {
  /** The bytes that wait begin at `o` and end at `end`. */
  u8 = new Uint8Array(1 << 16);
  view = new DataView(this.u8.buffer);
  o = 0;
  end = 0;

  get size(): number {
    return this.end - this.o;
  }

  push(chunk: Uint8Array): void {
    const waiting = this.size;
    if (this.end + chunk.length > this.u8.length) {
      const room = Math.max(this.u8.length, 2 ** Math.ceil(Math.log2(waiting + chunk.length)));
      const to = room > this.u8.length ? new Uint8Array(room) : this.u8;
      to.set(this.u8.subarray(this.o, this.end));
      if (to !== this.u8) {
        this.u8 = to;
        this.view = new DataView(to.buffer);
      }
      this.o = 0;
      this.end = waiting;
    }
    this.u8.set(chunk, this.end);
    this.end += chunk.length;
  }
}
