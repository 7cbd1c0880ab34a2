/** The two directions of a connection as web streams. */

/** What the readable side needs. */
export interface Source {
  /** How many octets `take` would return now; 0 at the end of the stream; or a promise of that. Rejects after a connection error. */
  available(): number | Promise<number>;
  take(into: Uint8Array): number;
  /** Copies what is available to `into`, or else what comes first. Returns how many octets, 0 at the end; or a promise of that. */
  fill(into: Uint8Array): number | Promise<number>;
  /** Nobody reads any more: received data is dropped. */
  stopReading(): void;
}

/** What the writable side needs. */
export interface Sink {
  put(bytes: Uint8Array, from: number, n: number): number;
  drained(): Promise<void>;
  closeWrite(): void;
  abort(reason: unknown): void;
}

/** The largest chunk for a reader that passes no buffer. */
const CHUNK_MAX = 256 * 1024;

/** A byte stream without a buffer of its own: unread data stays in the receive queue and closes the window. */
export function readableOf(source: Source): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pull = async (controller: ReadableByteStreamController) => {
    const request = controller.byobRequest;
    const view = request?.view;
    const n = await (view
      ? source.fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      : source.available());
    if (n === 0) {
      controller.close();
      request?.respond(0);
    } else if (request) {
      request.respond(n);
    } else {
      const chunk = new Uint8Array(Math.min(n, CHUNK_MAX));
      source.take(chunk);
      controller.enqueue(chunk);
    }
  };
  return new ReadableStream({ type: "bytes", pull, cancel: () => source.stopReading() }, { highWaterMark: 0 });
}

/** A stream whose back-pressure is the send buffer. @param hold gets the controller, to report errors */
export function writableOf(
  sink: Sink,
  hold: (controller: WritableStreamDefaultController) => void,
): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start: hold,
    async write(chunk) {
      const bytes = bytesOf(chunk);
      for (let done = 0; ; ) {
        done += sink.put(bytes, done, bytes.length - done);
        if (done === bytes.length) return;
        await sink.drained();
      }
    },
    close: () => sink.closeWrite(),
    abort: (reason) => sink.abort(reason),
  });
}

/** Streams are not typed at run time, so the chunk is checked. @throws TypeError */
function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError(
    `a socket takes bytes, not ${chunk === null ? "null" : typeof chunk}: use a TextEncoder for text`,
  );
}
