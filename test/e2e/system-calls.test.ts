/** System calls of the compiled program, counted: how many there are per megabyte and per connection does not depend on how busy the machine is. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { builtProgram } from "../support/built-program.ts";
import { type Lab, labTestWith } from "./lab.ts";

/** Reads and writes that moved something. What found nothing, and how often the program slept, depends on the machine. */
const MOVES = new Set(["read", "write", "writev"]);

/** From strace's table: time, seconds, µs per call, calls, errors (if any), name. */
function moved(table: string): number {
  const rows = [...table.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:(\d+) +)?(\w+)$/gm)];
  expect(rows.length).toBeGreaterThan(5);
  const counts = rows.map(([, calls, errors = "0", name]) => (MOVES.has(name!) ? Number(calls) - Number(errors) : 0));
  return counts.reduce((a, b) => a + b, 0);
}

interface Counted {
  readonly server: number;
  readonly client: number;
  readonly end: {
    readonly sum_received: { readonly bytes: number };
    readonly tcpnet?: { readonly transactions: number };
  };
}

/** Both ends of a test under strace; one client, and the server ends with it. */
async function counted(lab: Lab, ...flags: readonly string[]): Promise<Counted> {
  const program = await builtProgram();
  const trace = (name: string) => ["strace", "-f", "-c", "-o", lab.file(name), program, "bench"];
  const server = lab.start(...trace("server"), "-s", "tun0", "10.0.0.1/24", "-1", "--keep-root");
  await server.says(/waiting for tests/);
  const where = ["-c", "tun1", "10.0.1.1/24", "10.0.0.7", "--keep-root", "--json"];
  const client = await lab.start(...trace("client"), ...where, ...flags).ended;
  expect([client.code, client.stderr]).toEqual([0, expect.any(String)]);
  await server.ended;
  const { end } = JSON.parse(client.stdout.toString()) as Pick<Counted, "end">;
  const read = (name: string) => moved(readFileSync(lab.file(name), "utf8"));
  return { server: read("server"), client: read("client"), end };
}

/** More than 100 connections, one after another at eight places: a busy machine needs longer for them. */
async function manyConnections(lab: Lab): Promise<{ server: number; client: number; connections: number }> {
  for (const seconds of ["2", "8", "32"]) {
    const { server, client, end } = await counted(lab, "--crr", "-P", "8", "-t", seconds);
    const connections = end.tcpnet!.transactions;
    if (connections > 100) return { server, client, connections };
  }
  throw new Error("there were less than 100 connections in 32 s");
}

/** What a program reads and writes before and after its work, with every file that the engine reads. */
const BASE = 400;

labTestWith(
  ["strace"],
  "a megabyte takes at most 32 reads and writes at each end: one per super-segment of 64 KiB, and an ACK for two",
  async (lab) => {
    const { server, client, end } = await counted(lab, "-n", "100M");
    const megabytes = end.sum_received.bytes / 1e6;
    expect(megabytes).toBe(100);
    expect((client - BASE) / megabytes).toBeLessThan(32);
    expect((server - BASE) / megabytes).toBeLessThan(32);
  },
);

labTestWith(
  ["strace"],
  "a connection with a request and a response takes at most 12 reads and writes at each end",
  async (lab) => {
    const { server, client, connections } = await manyConnections(lab);
    expect((client - BASE) / connections).toBeLessThan(12);
    expect((server - BASE) / connections).toBeLessThan(12);
  },
);
