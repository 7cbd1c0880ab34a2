/** Starts examples/chat.ts, for tests of a clone and of the installed package. */

export class Chatting {
  text = "";
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;

  constructor(command: readonly string[], cwd: string) {
    const env = { ...process.env, NO_COLOR: "1" };
    this.#child = Bun.spawn([...command], { cwd, env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    for (const stream of [this.#child.stdout, this.#child.stderr]) void this.#collect(stream);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.text += decoder.decode(chunk, { stream: true });
  }

  /** Resolves with what matched, once it was written. */
  async says(pattern: RegExp): Promise<string> {
    for (let looks = 0; looks < 3_000; looks++) {
      const found = pattern.exec(this.text);
      if (found !== null) return found[0];
      if (this.#child.exitCode !== null) break;
      await Bun.sleep(20);
    }
    throw new Error(`${pattern} was not written, but:\n${this.text}`);
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    this.#child.stdin.flush();
  }

  /** Ends what it reads; resolves with its exit code. */
  leave(): Promise<number> {
    this.#child.stdin.end();
    return this.#child.exited;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}

/** A server and two clients, of which each hears what the other one says. @returns what both have written, and their exit codes */
export async function chat(
  serve: readonly string[],
  join: readonly (readonly string[])[],
  cwd: string,
): Promise<readonly (readonly [text: string, code: number])[]> {
  const server = new Chatting([...serve, "serve", "0"], cwd);
  try {
    const url = (await server.says(/ws:\S+/)).trim();
    const [ada, bob] = [
      new Chatting([...join[0]!, "join", url, "Ada"], cwd),
      new Chatting([...join[1]!, "join", url, "Bob"], cwd),
    ];
    try {
      // Bob is there once he hears himself.
      bob.type("here");
      await bob.says(/Bob: here\n/);
      ada.type("hello");
      await Promise.all([ada.says(/Ada: hello\n/), bob.says(/Ada: hello\n/)]);
      bob.type("hello, Ada");
      await Promise.all([ada.says(/hello, Ada\n/), bob.says(/hello, Ada\n/)]);
      const codes = [await ada.leave(), await bob.leave()];
      return [ada, bob].map(({ text }, i) => [text, codes[i]!]);
    } finally {
      await Promise.all([ada.stop(), bob.stop()]);
    }
  } finally {
    await server.stop();
  }
}
