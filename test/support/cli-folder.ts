/** The program in a folder of its own, for tests of commands that read and write files. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "./built-program.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliFolder {
  readonly folder: string;
  /** The path of a file in the folder. */
  readonly at: (name: string) => string;
  /** Runs the program in the folder, with an empty standard input. */
  readonly tcpnet: (...args: readonly string[]) => Promise<Ended>;
  /** The same, with what it wrote to standard output as octets, too. */
  readonly withOctets: (...args: readonly string[]) => Promise<Ended & { readonly bytes: Uint8Array }>;
  readonly withInput: (input: Uint8Array | undefined, args: readonly string[]) => Promise<Ended>;
}

/** Makes the folder; it is removed after all tests of the file. */
export function cliFolder(name: string): CliFolder {
  const folder = mkdtempSync(join(tmpdir(), `tcpnet-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = async (input: Uint8Array | undefined, args: readonly string[]) => {
    const stdin = input === undefined ? "ignore" : new Blob([input as Uint8Array<ArrayBuffer>]);
    const child = Bun.spawn([...TCPNET, ...args], { cwd: folder, stdin, stdout: "pipe", stderr: "pipe" });
    const [bytes, err] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
    return { code: await child.exited, bytes, out: new TextDecoder().decode(bytes), err };
  };
  const withInput = async (input: Uint8Array | undefined, args: readonly string[]): Promise<Ended> => {
    const { code, out, err } = await run(input, args);
    return { code, out, err };
  };
  return {
    folder,
    at: (file) => join(folder, file),
    tcpnet: (...args) => withInput(undefined, args),
    withOctets: (...args) => run(undefined, args),
    withInput,
  };
}
