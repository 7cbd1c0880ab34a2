/** The experiment in a namespace of its own: netup by the program itself, `host` and `peer` as people start them. */
import { createHash, randomFillSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";
import { type Namespace, netTestWith } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";
import type { Tool } from "../support/tools.ts";
import { waitingFor } from "../support/waiting.ts";

export const HOST = ["host", "tun0", "10.0.0.1/24", "10.0.1.5"] as const;
export const PEER = ["peer", "tun1", "10.0.1.1/24", "10.0.0.7"] as const;
export const HOST6 = ["host", "tun0", "fd00:a::1/64", "fd00:b::5"] as const;
export const PEER6 = ["peer", "tun1", "fd00:b::1/64", "fd00:a::7"] as const;

const LIMIT_MS = 100_000;

/** Octets of standard output that can be waited for. */
const SMALL = 1 << 16;

export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program that runs: what it says can be waited for. */
export class Running {
  readonly child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly ended: Promise<Ended>;
  stdout = Buffer.alloc(0);
  stderr = "";
  readonly #command: readonly string[];
  #heard: (() => void)[] = [];

  /** `command` is for messages. */
  constructor(child: Bun.Subprocess<"pipe", "pipe", "pipe">, command: readonly string[]) {
    this.child = child;
    this.#command = command;
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const listening = this.#listen();
    const reading = this.#read();
    this.ended = (async () => {
      const over = Promise.all([child.exited, listening, reading]);
      const [code] = await waitingFor(() => `the end of ${this.#story()}`, over);
      clearTimeout(timer);
      return { code, stdout: this.stdout, stderr: this.stderr };
    })();
  }

  /** Resolves when standard error has said this; throws if it ends before. */
  says(words: RegExp): Promise<void> {
    const said = this.#until(`saying ${words}`, () => words.test(this.stderr));
    return waitingFor(() => `${words} of ${this.#story()}`, said);
  }

  /** Resolves when so many octets have come out of standard output; throws if it ends before. */
  gives(octets: number): Promise<void> {
    const given = this.#until(`giving ${octets} octets`, () => this.stdout.length >= octets);
    return waitingFor(() => `${octets} octets of ${this.#story()}`, given);
  }

  #story(): string {
    const line = this.#command.join(" ").replace(TCPNET.join(" "), "tcpnet");
    return `\`${line}\`, which has given ${this.stdout.length} octets and said\n${this.stderr}`;
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const over = this.ended.then(() => true);
    while (!condition()) {
      const more = new Promise<boolean>((resolve) => this.#heard.push(() => resolve(false)));
      if ((await Promise.race([more, over])) && !condition()) {
        const how = this.child.signalCode ?? `exit code ${this.child.exitCode}`;
        throw new Error(`it ended (${how}) without ${what}:\n${this.stderr}`);
      }
    }
  }

  type(text: string | Uint8Array): void {
    this.child.stdin.write(text);
    this.child.stdin.flush();
  }

  endInput(): void {
    this.child.stdin.end();
  }

  async #read(): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.child.stdout) {
      chunks.push(chunk);
      // Of a long transfer only its end is waited for.
      if (this.stdout.length < SMALL) this.stdout = Buffer.concat(chunks);
      for (const heard of this.#heard.splice(0)) heard();
    }
    this.stdout = Buffer.concat(chunks);
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stderr) {
      this.stderr += decoder.decode(chunk, { stream: true });
      for (const heard of this.#heard.splice(0)) heard();
    }
  }
}

export class Lab {
  readonly ns: Namespace;
  /** For files of this test alone. */
  readonly folder: string;

  constructor(ns: Namespace, folder: string) {
    this.ns = ns;
    this.folder = folder;
  }

  /** Starts a program; `tcpnet` means ours. */
  start(...command: readonly string[]): Running {
    return new Running(this.ns.spawn(command, { env: { NO_COLOR: "1" } }), command);
  }

  tcpnet(...args: readonly string[]): Running {
    return this.start(...TCPNET, ...args);
  }

  /** Our program with more variables in its environment. */
  withEnv(env: Record<string, string>, ...args: readonly string[]): Running {
    const command = [...TCPNET, ...args];
    return new Running(this.ns.spawn(command, { env: { NO_COLOR: "1", ...env } }), command);
  }

  /** Starts a shell line in which $T is our program. */
  shell(line: string): Running {
    return this.start("sh", "-c", line.replaceAll("$T", TCPNET.join(" ")));
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** A file of random bytes; answers its SHA-256. */
  random(name: string, size: number): string {
    writeFileSync(this.file(name), randomFillSync(Buffer.alloc(size)));
    return this.sha256(name);
  }

  sha256(name: string): string {
    return createHash("sha256")
      .update(readFileSync(this.file(name)))
      .digest("hex");
  }
}

export interface LabOptions {
  /** Flags for netup; null if it is not to run. */
  readonly netup?: readonly string[] | null;
  readonly limitMs?: number;
  /** Only root can do what the test does: make device nodes, become another user. */
  readonly root?: boolean;
}

/** A test in a lab that netup has prepared. */
export function labTest(name: string, work: (lab: Lab) => Promise<void>, options: LabOptions = {}): void {
  labTestWith([], name, work, options);
}

/** The same for a test that starts these programs; without them it is skipped. */
export function labTestWith(
  needs: readonly Tool[],
  name: string,
  work: (lab: Lab) => Promise<void>,
  options: LabOptions = {},
): void {
  const inNamespace = async (ns: Namespace) => {
    const folder = mkdtempSync(join(tmpdir(), "tcpnet-e2e-"));
    try {
      const { netup = [] } = options;
      if (netup !== null) await ns.must([...TCPNET, "netup", ...netup]);
      await work(new Lab(ns, folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const lacksRoot = options.root === true && process.getuid?.() !== 0;
  if (lacksRoot) testUnless("it needs root", name, () => {});
  else netTestWith(needs, name, inNamespace, options.limitMs);
}

/** Both ended well; else what they said is the message. */
export async function bothWell(host: Running, peer: Running): Promise<readonly [Ended, Ended]> {
  const ends = await Promise.all([host.ended, peer.ended]);
  if (ends.every(({ code }) => code === 0)) return ends;
  const [h, p] = ends;
  throw new Error(`host exit ${h.code}\n${h.stderr}\npeer exit ${p.code}\n${p.stderr}`);
}

/** Host and peer with an open connection. */
export async function open(lab: Lab, hostFlags: readonly string[] = [], peerFlags: readonly string[] = []) {
  const host = lab.tcpnet(...HOST, ...hostFlags);
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, ...peerFlags);
  await Promise.all([host.says(/open /), peer.says(/open /)]);
  return { host, peer };
}
