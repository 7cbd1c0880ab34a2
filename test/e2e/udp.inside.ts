/**
 * Run by udp.test.ts inside a namespace of its own: a stack's UDP sockets and pings on a TUN device, and the kernel on the other side: a
 * few lines of Python, and its ICMP. Prints what each side saw as one JSON object.
 */
import { openTun } from "#device/tun";
import { createStack } from "#socket/create-stack";
import type { UdpSocket } from "#socket/udp-types";

const SIZES = [0, 1, 1_472, 1_473, 9_000, 65_507];
const [role, kernel, own, elsewhere] = process.argv.slice(2) as [string, string, string, string];

/** Python's socket of the family, with room for the longest datagrams. */
const SOCKET = `
import socket, sys
six = ":" in "${kernel}"
def make(port):
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.settimeout(20)
    s.bind(("${kernel}", port))
    return s
`;
const SERVER = `${SOCKET}
s = make(5353)
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
`;
/** Asks our echo server; then a port that nobody has, until the error comes. */
const CLIENT = `${SOCKET}
s = make(0)
for n in ${JSON.stringify(SIZES)}:
    asked = bytes((i * 7) & 255 for i in range(n))
    s.sendto(asked, ("${own}", 53))
    data, who = s.recvfrom(65536)
    print(n, data == asked, who[0] == "${own}", who[1], flush=True)
s.connect(("${own}", 9))
s.send(b"x")
try:
    s.recv(1)
except ConnectionRefusedError:
    print("refused", flush=True)
`;
/** Datagrams as fast as Python sends them. */
const FLOOD = `${SOCKET}
s = make(0)
for i in range(20000):
    s.sendto(b"x" * 1000, ("${own}", 54))
`;

const six = own.includes(":");
const device = openTun({
  name: "tun0",
  ...(six ? {} : { prefix: { address: Uint8Array.of(10, 0, 0, 1), length: 24 } }),
});
if (six) await run("ip", "-6", "addr", "add", `${kernel}/64`, "dev", "tun0", "nodad");
const stack = await createStack({ device, address: `${own}/${six ? 64 : 24}`, kernelAddress: kernel });
// The kernel may drop what comes before it has made the routes of a new device.
for (let tries = 0; tries < 50; tries++) {
  const { received } = await stack.ping(kernel, { timeout: 200 });
  if (received > 0) break;
}
const roles: Readonly<Record<string, () => Promise<unknown>>> = { dial, serve, refused, flood, ping };
console.log(JSON.stringify(await roles[role]!()));
await stack.close();

async function run(...command: string[]): Promise<void> {
  if ((await Bun.spawn(command, { stdout: "ignore" }).exited) !== 0) throw new Error(`${command.join(" ")} failed`);
}

function pattern(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);
}

/** Our client, the kernel's server. */
async function dial(): Promise<unknown> {
  const python = Bun.spawn(["python3", "-c", SERVER], { stdout: "pipe" });
  await python.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
  const socket = stack.bind({ connect: { hostname: kernel, port: 5353 } });
  const seen: unknown[] = [];
  for (const n of SIZES) {
    socket.send(pattern(n));
    const { data, address, port } = (await socket.receive())!;
    seen.push([n, Bun.hash(data) === Bun.hash(pattern(n)), address === kernel, port]);
  }
  python.kill();
  await python.exited;
  return seen;
}

function echo(): UdpSocket {
  return stack.bind({ port: 53, socket: { data: (s, data, port, address) => void s.send(data, port, address) } });
}

/** The kernel's client, our server. */
async function serve(): Promise<unknown> {
  echo();
  const python = Bun.spawn(["python3", "-c", CLIENT], { stdout: "pipe" });
  return (await python.stdout.text()).trim().split("\n");
}

/** A port of the kernel's that nobody has. */
async function refused(): Promise<unknown> {
  const socket = stack.bind({ connect: { hostname: kernel, port: 9 } });
  socket.send(pattern(1));
  return socket.receive().catch((error) => [error.code, error.message]);
}

/** A flood from the kernel for a socket that nobody reads; afterwards another one answers. */
async function flood(): Promise<unknown> {
  const deaf = stack.bind({ port: 54 });
  echo();
  await Bun.spawn(["python3", "-c", FLOOD]).exited;
  const answered = Bun.spawn(["python3", "-c", CLIENT], { stdout: "pipe" });
  const lines = (await answered.stdout.text()).trim().split("\n").length;
  const { "udp.rx.full": full = 0 } = stack.counters();
  const { used, pages } = stack.engine.slab;
  let kept = 0;
  while (kept < 1_000 && (await Promise.race([deaf.receive(), Bun.sleep(20)])) !== undefined) kept++;
  return { lines, kept, dropped: deaf.dropped > 0 && deaf.dropped === full, isBounded: used < pages / 100 };
}

/** Pings of the kernel, and of an address to which it has no route. */
async function ping(): Promise<unknown> {
  const sizes = [0, 56, 1_472, 20_000, 65_507];
  const all = await Promise.all(
    sizes.map((size) => stack.ping(kernel, { size, count: 2, interval: 50, timeout: 20_000 })),
  );
  const { results } = await stack.ping(elsewhere, { timeout: 20_000 });
  const [first] = results;
  return {
    received: all.map(({ received }) => received),
    times: all.every(({ min, max }) => min! > 0 && max! < 20_000),
    unreachable: [first!.error?.code, first!.error?.message],
  };
}
