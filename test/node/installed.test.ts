/** `tcpnet/node` of the packed package, in a project of somebody's: its example runs in Bun, Node and Deno, and its types fit Node's. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { packed } from "../package/packed.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { certificate } from "./certificate.ts";
import { lacking, RUNTIMES } from "./runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-node-"));

/** Those for any runtime. */
const EXAMPLES = ["capture.ts", "device.ts", "echo.ts", "http.ts"];

beforeAll(async () => {
  const made = await packed();
  mkdirSync(join(folder, "node_modules"));
  cpSync(made.folder, join(folder, "node_modules/tcpnet"), { recursive: true });
  symlinkSync(join(ROOT, "node_modules/@types"), join(folder, "node_modules/@types"));
  for (const example of EXAMPLES) cpSync(`${ROOT}examples/${example}`, join(folder, example));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...command: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, HOME: folder, DENO_NO_UPDATE_CHECK: "1" };
  const child = Bun.spawn(command, { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

const SAID = `200 POST /greeting hello from 10.0.0.5
GET /one  from 10.0.0.5
GET /two  from 10.0.0.5
TimeoutError
`;

test("examples/http.ts runs in Bun", async () => {
  expect(await run(process.execPath, "http.ts")).toEqual({ code: 0, out: SAID, err: "" });
});

testUnless(lacking, "examples/http.ts runs in Node", async () => {
  expect(await run(RUNTIMES.Node(), "--no-warnings", "http.ts")).toEqual({ code: 0, out: SAID, err: "" });
});

testUnless(lacking || lacksPackages("package"), "examples/http.ts runs in Deno", async () => {
  const deno = join(packagesFolder("package"), `node_modules/@deno/linux-${process.arch}-glibc/deno`);
  const flags = ["--no-prompt", "--node-modules-dir=manual"];
  expect(await run(deno, "run", ...flags, "http.ts")).toEqual({ code: 0, out: SAID, err: "" });
});

/** Octets that a client writes under TLS before it closes its direction. The server never closes its own. */
const SENT = 1_000_000;
const TLS = `import net from "node:net";
import { createStack, pair } from "tcpnet";
const [a, b] = pair();
const host = await createStack({ device: a, address: "10.0.0.7/24" });
const peer = await createStack({ device: b, address: "10.0.0.5/24" });
let isEnded = false;
host.listen({ port: 443, socket: {
  open(socket) {
    socket.data = net.connect({ port: Number(process.env.SERVER), host: "127.0.0.1", allowHalfOpen: true });
    socket.data.on("data", (chunk) => socket.write(chunk)).on("end", () => socket.closeWrite()).on("error", () => {});
  },
  data: (socket, bytes) => void socket.data.write(new Uint8Array(bytes)),
  end(socket) { isEnded = true; socket.data.end(); },
} });
const tls = peer.connect("10.0.0.7:443").startTls({ ca: ${JSON.stringify(certificate.cert)}, sni: "server.example" });
const writer = tls.writable.getWriter();
await writer.write(new Uint8Array(${SENT}));
await writer.close();
for (let i = 0; i < 250 && !isEnded; i++) await new Promise((done) => setTimeout(done, 20));
console.log("FIN", isEnded);
tls.abort();
await Promise.all([host.close(), peer.close()]);
process.exit();
`;

testUnless(
  lacking || lacksPackages("package"),
  "closing the writable of startTls sends all that was written, the close_notify and a FIN, in Bun, Node and Deno",
  async () => {
    const received: number[] = [];
    const server = createServer({ ...certificate, allowHalfOpen: true }, (socket) => {
      let octets = 0;
      socket.on("data", (chunk) => (octets += chunk.length));
      socket.on("end", () => received.push(octets));
      socket.on("error", () => {});
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    writeFileSync(join(folder, "tls.mjs"), TLS);
    try {
      const { port } = server.address() as AddressInfo;
      const deno = join(packagesFolder("package"), `node_modules/@deno/linux-${process.arch}-glibc/deno`);
      const flags = ["--no-prompt", "--node-modules-dir=manual", "--allow-env", "--allow-net=127.0.0.1"];
      for (const command of [[process.execPath], [RUNTIMES.Node(), "--no-warnings"], [deno, "run", ...flags]]) {
        const ran = await run("env", `SERVER=${port}`, ...command, "tls.mjs");
        expect([command[0], ran]).toEqual([command[0], { code: 0, out: "FIN true\n", err: "" }]);
      }
      expect(received).toEqual([SENT, SENT, SENT]);
    } finally {
      server.close();
    }
  },
);

test("tsc --strict, with Node's types: what one gives to packages is what they take", async () => {
  const program = `import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { createStack, pair } from "tcpnet";
import { httpAgent, httpsAgent, nodeFetch, nodeNet, Server, Socket, type NodeNet, type SystemError } from "tcpnet/node";

const stack = await createStack({ device: pair()[0], address: "10.0.0.7/24" });
const own: NodeNet = nodeNet(stack);
const socket: Socket = own.connect(80, "10.0.0.7");
socket.on("error", (error: SystemError) => console.log(error.code, error.syscall, error.port));
tls.connect({ socket });
http.get({ agent: httpAgent(stack, { keepAlive: true }) });
http.get({ agent: httpsAgent(stack, { ca: "" }) });
http.get({ createConnection: () => own.connect(80) });
http2.connect("http://a", { createConnection: () => socket });
const server: Server = own.createServer({ allowHalfOpen: true }, (accepted) => accepted.pipe(accepted));
server.listen({ port: 0 }, () => console.log(server.address()!.port));
const response: Response = await nodeFetch(stack)("http://10.0.0.7/");
const port: number | undefined = socket.remotePort;
console.log(response.status, port, net.isIP(""), own.isIP(""));
new Socket({ stack, noDelay: true }).setKeepAlive(true, 1000).setNoDelay().setTimeout(5).unref().ref();
// @ts-expect-error there is no such option
new Socket({ stack, nodelay: true });
`;
  writeFileSync(join(folder, "use.ts"), program);
  for (const [module, moduleResolution] of [
    ["esnext", "bundler"],
    ["nodenext", "nodenext"],
  ]) {
    const strict = { strict: true, noEmit: true, target: "es2022", types: ["node"], skipLibCheck: false };
    const compilerOptions = { ...strict, lib: ["es2023", "esnext.disposable"], module, moduleResolution };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts", ...EXAMPLES] }));
    expect(await run(join(ROOT, "node_modules/.bin/tsc"), "-p", "tsconfig.json")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
  }
});
