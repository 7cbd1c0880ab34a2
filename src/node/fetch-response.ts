/** A Response of what `node:http` has received. */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { FetchSignal } from "./fetch-signal.ts";

/** What was asked for. */
export interface Asked {
  readonly url: URL;
  readonly redirected: boolean;
  readonly method: string;
}

/** As curl and browsers: what is there is decoded, also if the end of the coding is missing or if there is nothing at all. */
const SYNC = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const { BROTLI_OPERATION_FLUSH } = constants;

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: () => createGunzip(SYNC),
  "x-gzip": () => createGunzip(SYNC),
  deflate: () => createInflate(SYNC),
  br: () => createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH }),
};

/** @throws RangeError if the status is one that no Response can have */
export function responseOf(message: IncomingMessage, asked: Asked, signal: FetchSignal): Response {
  const headers = new Headers();
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    headers.append(message.rawHeaders[i]!, message.rawHeaders[i + 1]!);
  const status = message.statusCode!;
  const empty = asked.method === "HEAD" || [204, 205, 304].includes(status);
  // A body that must not be there may have no end.
  if (empty && message.complete) message.resume();
  else if (empty) message.destroy();
  const body = empty ? null : bodyOf(message, headers.get("content-encoding") ?? "", signal);
  const response = new Response(body, { status, statusText: message.statusMessage ?? "", headers });
  const url = new URL(asked.url);
  url.hash = "";
  Object.defineProperties(response, { url: { value: url.href }, redirected: { value: asked.redirected } });
  return response;
}

/** The body as a stream whose reader holds back the server. Aborting ends it, and the connection. */
function bodyOf(message: IncomingMessage, coding: string, signal: FetchSignal): ReadableStream<Uint8Array> {
  const decoder = DECODERS[coding.trim().toLowerCase()]?.();
  const stream: Readable = decoder === undefined ? message : message.pipe(decoder);
  if (decoder !== undefined) {
    message.on("error", (error) => stream.destroy(error));
    stream.on("close", () => message.destroy());
  }
  const over = signal.follow((reason) => {
    stream.destroy(reason as Error);
    message.destroy();
  });
  stream.on("close", over);
  return Readable.toWeb(stream) as unknown as ReadableStream<Uint8Array>;
}
