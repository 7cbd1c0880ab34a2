/** When a program with sockets of ours ends by itself: as with Node's, once `stack.unref()` leaves that to the sockets. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";

const BEGIN = `
import { createStack, pair } from "tcpnet";
import { nodeNet } from "tcpnet/node";
const [a, b] = pair();
const host = await createStack({ device: a, address: "10.0.0.7/24" });
const peer = await createStack({ device: b, address: "10.0.0.5/24" });
host.unref();
peer.unref();
const server = nodeNet(host).createServer((socket) => socket.pipe(socket));
process.on("exit", () => console.log("over"));
`;

/** Runs a program for at most `ms` after its first word; what it has printed, and whether it ended by itself. */
async function run(program: string, ms: number): Promise<{ printed: string; ended: boolean }> {
  // Inside of the package its name leads to itself.
  const folder = mkdtempSync(`${ROOT}node_modules/.ending-`);
  try {
    const file = join(folder, "program.ts");
    writeFileSync(file, BEGIN + program);
    const child = Bun.spawn([process.execPath, file], {
      cwd: ROOT,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    let ended = true;
    let printed = "";
    let timer: ReturnType<typeof setTimeout> | undefined;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += chunk;
      timer ??= setTimeout(() => {
        ended = false;
        child.kill("SIGKILL");
      }, ms);
    }
    await child.exited;
    clearTimeout(timer);
    return { printed: printed.trim(), ended };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const LONG_MS = 60_000;
const SHORT_MS = 1_000;

test("a server that listens keeps the program alive", async () => {
  expect(await run(`server.listen(7, () => console.log("listens"));`, SHORT_MS)).toEqual({
    printed: "listens",
    ended: false,
  });
});

test("a server that was closed does not, nor one that is unreferenced", async () => {
  const closes = `server.listen(7, () => server.close(() => console.log("closed")));`;
  expect(await run(closes, LONG_MS)).toEqual({ printed: "closed\nover", ended: true });
  const unreferenced = `server.listen(7, () => console.log("listens")); server.unref();`;
  expect(await run(unreferenced, LONG_MS)).toEqual({ printed: "listens\nover", ended: true });
});

test("an open connection keeps the program alive until it ends", async () => {
  const talks = `
server.listen(7, () => {
  const client = nodeNet(peer).connect(7, "10.0.0.7");
  client.on("data", (chunk) => { console.log(String(chunk)); client.end(); server.close(); });
  setTimeout(() => client.write("hello"), 50);
  client.on("close", () => console.log("closed"));
});
`;
  expect(await run(talks, LONG_MS)).toEqual({ printed: "hello\nclosed\nover", ended: true });
});

test("unreferenced connections let it end", async () => {
  const idles = `
server.on("connection", (socket) => { socket.unref(); server.unref(); });
server.listen(7, () => {
  const client = nodeNet(peer).connect(7, "10.0.0.7", () => { console.log("open"); client.unref(); });
});
`;
  expect(await run(idles, LONG_MS)).toEqual({ printed: "open\nover", ended: true });
});
