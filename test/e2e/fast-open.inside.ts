/**
 * Run by fast-open.test.ts inside a namespace of its own: a stack on a TUN device and the kernel open fast to one another. The
 * kernel's side is a few lines of Python, which knows the socket options. Prints what each side saw as one JSON object.
 */
import { openTun } from "#device/tun";
import { createStack } from "#socket/create-stack";

const REQUEST = "GET / early\n";
const ANSWER = "x".repeat(5000);

/** Three requests with MSG_FASTOPEN, one after the other; prints what was answered, and whether the SYN's data was taken. */
const CLIENT = `
import socket
for i in range(3):
    s = socket.socket()
    s.sendto(b"${REQUEST.trim()}\\n", socket.MSG_FASTOPEN, ("10.0.0.7", 7000))
    s.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        more = s.recv(65536)
        if not more: break
        got += more
    print(len(got), (s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] >> 5) & 1)
`;
const SERVER = `
import socket
l = socket.socket()
l.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
l.bind(("10.0.0.1", 7000))
l.listen(5)
print("ready", flush=True)
for i in range(3):
    s, _ = l.accept()
    got = b""
    while True:
        more = s.recv(65536)
        if not more: break
        got += more
    s.sendall(b"x" * 5000)
    s.close()
    print(len(got), flush=True)
`;

const device = openTun({ name: "tun0", prefix: { address: Uint8Array.of(10, 0, 0, 1), length: 24 } });
const stack = await createStack({ device, address: "10.0.0.7/24", kernelAddress: "10.0.0.1" });
const result = process.argv[2] === "server" ? await serve() : await dial();
console.log(JSON.stringify(result));
await stack.close();

async function serve(): Promise<unknown> {
  const listener = stack.listen({ port: 7000, fastOpen: true });
  const python = Bun.spawn(["python3", "-c", CLIENT], { stdout: "pipe" });
  for (let i = 0; i < 3; i++) {
    const socket = (await listener.accept())!;
    const request = await new Response(socket.readable).text();
    if (request !== REQUEST) throw new Error(`the request was ${JSON.stringify(request)}`);
    socket.write(new TextEncoder().encode(ANSWER));
    socket.closeWrite();
    await socket.closed;
  }
  return (await python.stdout.text()).trim().split("\n");
}

async function dial(): Promise<unknown> {
  const python = Bun.spawn(["python3", "-c", SERVER], { stdout: "pipe" });
  const lines = python.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await lines.read();
  const seen: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    const socket = stack.connect(
      { hostname: "10.0.0.1", port: 7000 },
      { earlyData: new TextEncoder().encode(REQUEST) },
    );
    socket.closeWrite();
    const answer = await new Response(socket.readable).text();
    const { synData, fastOpenFailure } = socket.info();
    seen.push([answer === ANSWER, synData, fastOpenFailure]);
    await socket.closed;
  }
  await python.exited;
  return seen;
}
