/** What the file has in it: the runs, unpacked. */
import type { Meta, RunMeta, ShownVerdict } from "../meta.ts";
import type { Run } from "../model/run.ts";
import { unpack } from "../model/unpack.ts";

export interface LoadedRun extends Run {
  readonly name: string;
  readonly verdicts: readonly ShownVerdict[];
}

export function readMeta(): Meta {
  return JSON.parse(document.getElementById("meta")!.textContent!) as Meta;
}

/** The run with its tables, which are in the page. */
export async function loadRun(meta: RunMeta, i: number): Promise<LoadedRun> {
  const packed = document.getElementById(`data-${i}`)!;
  const text = packed.textContent!;
  packed.remove();
  return await unpackRun(meta, text);
}

export async function unpackRun(meta: RunMeta, text: string): Promise<LoadedRun> {
  const bytes = await inflate(decodeBase64(text));
  return { ...meta, ...unpack(meta.columns, bytes) };
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (native !== undefined) return native(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
