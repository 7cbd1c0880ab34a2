/** Run by tun-fd.test.ts inside a namespace of its own: a program that opens a TUN device, and hands it to tcpnet. */
import { afterEach, expect, test } from "bun:test";
import { openTunQueues } from "#device/tun";
import * as libc from "#ffi/libc";

const ROOT = new URL("../..", import.meta.url).pathname;
const prefix = { address: Uint8Array.of(10, 9, 0, 1), length: 24 };
const open: number[] = [];
const children: Bun.Subprocess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const fd of open.splice(0)) libc.close(fd);
});

function attached(name: string, checksums = true): number {
  const [fd] = openTunQueues({ name, checksums, ...(name === "t0" ? { prefix } : {}) }, 1) as [number];
  open.push(fd);
  return fd;
}

/** `tcpnet host` with that descriptor as its number 3. */
function host(fd: number | null, ...flags: string[]) {
  const command = [
    process.execPath,
    "src/cli/main.ts",
    "host",
    "t0",
    "10.9.0.1/24",
    "10.9.1.5",
    "--any",
    "--echo",
    ...flags,
  ];
  const stdio = ["ignore", "pipe", "pipe", ...(fd === null ? [] : [fd])] as const;
  const child = Bun.spawn(command, { cwd: ROOT, stdio: stdio as never, env: { ...process.env, LANG: "C" } });
  children.push(child);
  return { child, stderr: texts(child.stderr as unknown as ReadableStream<Uint8Array>) };
}

async function* texts(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const part of stream) yield decoder.decode(part, { stream: true });
}

async function refusal(fd: number | null, ...flags: string[]): Promise<string> {
  const { child, stderr } = host(fd, ...flags);
  let text = "";
  for await (const part of stderr) text += part;
  return `${await child.exited}: ${text}`;
}

/** What the stack sends back of a text. */
async function echoed(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let got = "";
  const socket = await Bun.connect({
    hostname: "10.9.0.7",
    port: 7000,
    socket: {
      data(_socket, bytes) {
        got += bytes.toString();
        if (got.length >= text.length) resolve(got);
      },
    },
  });
  socket.write(text);
  const answer = await promise;
  socket.end();
  return answer;
}

test.each([
  ["with offload", true, []],
  ["plain, with a link", false, ["--delay", "5ms"]],
] as const)("host serves over a descriptor %s, and the device stays its owner's", async (_, checksums, flags) => {
  const fd = attached("t0", checksums);
  const { child, stderr } = host(fd, "--tun-fd", "3", ...flags);
  let said = "";
  for await (const part of stderr) {
    said += part;
    if (/waiting at/.test(said)) break;
  }
  expect(await echoed("hello")).toBe("hello");
  child.kill("SIGINT");
  await child.exited;
  expect(said).not.toContain("new device");
  expect(Bun.spawnSync(["ip", "link", "show", "t0"]).exitCode).toBe(0);
});

test("a descriptor that will not do is refused in words, with exit code 3", async () => {
  const fd = attached("t0");
  const other = attached("t1");
  expect(await refusal(null, "--tun-fd", "77")).toMatch(
    /^3: [\s\S]*--tun-fd 77 is not usable[\s\S]*EBADF[\s\S]*It is not open in this program/,
  );
  expect(await refusal(other, "--tun-fd", "3")).toMatch(
    /^3: [\s\S]*descriptor 3 is attached to t1, not to t0[\s\S]*name the device t1, or pass a descriptor of t0/,
  );
  expect(await refusal(fd, "--tun-fd", "3", "--loss", "1%")).toMatch(
    /^3: [\s\S]*header for offload[\s\S]*Attach it without IFF_VNET_HDR/,
  );
});

test("flags that do not go together, and what is no number, are refused with exit code 2", async () => {
  for (const [flags, words] of [
    [["--tun-fd", "2"], /^2: [\s\S]*--tun-fd 2 is out of range/],
    [["--tun-fd", "x"], /^2: [\s\S]*--tun-fd x is not a number/],
    [["--tun-fd", "3", "--queues", "2"], /^2: [\s\S]*--tun-fd excludes --queues/],
    [["--tun-fd", "3", "--force"], /^2: [\s\S]*--tun-fd excludes --force/],
  ] as const) {
    expect(await refusal(null, ...flags)).toMatch(words);
  }
});
