/** The world for tests of `tcpnet run`: a network namespace that stands for the machine and everything outside. */
import { expect } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";
import { type Finished, type Namespace, netTestWith, ROOT } from "../support/netns.ts";
import type { Tool } from "../support/tools.ts";
import { Running } from "./lab.ts";

/** The world's address. Addresses that are not on the namespace's loopback interface are unreachable. */
export const FAR = "198.51.100.9";
export const FAR_6 = "2001:db8::9";

export const folder = mkdtempSync(join(tmpdir(), "tcpnet-world-"));
chmodSync(folder, 0o755);
export const at = (name: string) => join(folder, name);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** A file that the servers have, and its checksum. */
const DATA = new Uint8Array(3_000_000).map((_, i) => (i * 31 + (i >> 8) * 7) & 255);
writeFileSync(at("data"), DATA);
export const SUM = new Bun.CryptoHasher("sha1").update(DATA).digest("hex");

export interface World {
  readonly ns: Namespace;
  /** `tcpnet run FLAGS -- COMMAND`, with the world's resolver. */
  run(flags: readonly string[], command: readonly string[]): Promise<Finished>;
  /** The same for a line of a shell. */
  sh(flags: readonly string[], line: string): Promise<Finished>;
  /** Starts a program of the world; `tcpnet run` if the first word is a flag or --. */
  start(...command: readonly string[]): Running;
}

export function runTest(needs: readonly Tool[], name: string, work: (world: World) => Promise<void>): void {
  netTestWith(needs, name, async (ns) => {
    for (const address of [`${FAR}/32`, `${FAR_6}/128`])
      await ns.must(["ip", "addr", "add", address, "dev", "lo", "nodad"]);
    const start = (...command: readonly string[]) => {
      const words = command[0]!.startsWith("-") ? [...TCPNET, "run", ...command] : command;
      return new Running(ns.spawn(words, { env: { NO_COLOR: "1" }, cwd: folder }), words);
    };
    const servers = start(process.execPath, `${ROOT}test/e2e/run-servers.ts`, folder);
    await servers.says(/ready/);
    const run = (flags: readonly string[], command: readonly string[]) =>
      ns.run([...TCPNET, "run", "--dns", "127.0.0.1:5353", ...flags, "--", ...command], {
        cwd: folder,
        env: { NO_COLOR: "1" },
      });
    await work({ ns, run, sh: (flags, line) => run(flags, ["sh", "-c", line]), start });
    expect((await ns.must(["sh", "-c", "ls /run/tcpnet 2>/dev/null || true"])).trim()).toBe("");
    servers.endInput();
    expect((await servers.ended).code).toBe(0);
  });
}
