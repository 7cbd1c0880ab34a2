/**
 * A chat over TCP, whose packets travel in WebSocket messages: so a page or a program behind a proxy has a network.
 *
 *     bun examples/chat.ts serve 8080                        # in Bun: the server
 *     bun examples/chat.ts join ws://127.0.0.1:8080 Ada      # in Bun or Node.js, as often as you like; type lines
 *
 * Each WebSocket is a link of its own with two stacks on it, so all clients may have the same address.
 */
import { createStack, fromMessages, fromWebSocket, type PacketDevice, type Socket } from "tcpnet";

const SERVER = "10.0.0.1";
const CLIENT = "10.0.0.2";
const PORT = 7;
/** A line that is longer ends the connection. */
const LINE_MAX = 1_000;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Calls `take` with each line that a socket gets. */
async function lines(socket: Socket, take: (line: string) => void): Promise<void> {
  let text = "";
  for await (const chunk of socket.readable) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n");
    text = whole.pop()!;
    for (const line of whole) take(line);
    if (text.length > LINE_MAX) throw new Error(`a line has more than ${LINE_MAX} characters`);
  }
}

function serve(port: number): void {
  const present = new Set<Socket>();
  const everybody = (line: string) => {
    // Who reads too slowly misses lines: a chat does not wait for anybody.
    for (const socket of present) socket.write(encoder.encode(`${line}\n`));
  };
  const chat = async (socket: Socket) => {
    present.add(socket);
    try {
      await lines(socket, everybody);
    } catch (error) {
      console.error(`somebody left: ${(error as Error).message}`);
    }
    present.delete(socket);
    void socket.close();
  };
  const server = Bun.serve<{ device?: PacketDevice }>({
    hostname: "127.0.0.1",
    port,
    fetch: (request, server) =>
      server.upgrade(request, { data: {} }) ? undefined : new Response("a WebSocket is expected here", { status: 426 }),
    websocket: {
      async open(link) {
        const device = fromMessages((packet) => link.sendBinary(packet) !== 0);
        link.data.device = device;
        const stack = await createStack({ device, address: `${SERVER}/24` });
        stack.closed.catch(() => {}); // the client has gone
        stack.listen({ port: PORT, socket: { open: chat } });
      },
      message: (link, packet) => {
        if (typeof packet !== "string") link.data.device?.deliver(new Uint8Array(packet));
      },
      close: (link) => link.data.device?.end(),
    },
  });
  console.log(`listening on ${server.url.href.replace("http", "ws")}`);
}

async function join(url: string, name: string): Promise<void> {
  const link = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    link.onopen = () => resolve();
    link.onerror = () => reject(new Error(`no chat answers at ${url}`));
  });
  const stack = await createStack({ device: fromWebSocket(link), address: `${CLIENT}/24` });
  const socket = stack.connect(`${SERVER}:${PORT}`, { timeout: 10_000 });
  await socket.opened;
  const heard = lines(socket, (line) => console.log(line));
  const say = (line: string) => socket.write(encoder.encode(`${name}: ${line}\n`));
  process.stdin.setEncoding("utf8");
  let typed = "";
  for await (const text of process.stdin) {
    const whole = (typed + text).split("\n");
    typed = whole.pop()!;
    whole.forEach(say);
  }
  if (typed !== "") say(typed);
  socket.closeWrite();
  await heard;
  await stack.close();
}

const [what, where, name = "somebody"] = process.argv.slice(2);
try {
  if (what === "serve") serve(Number(where ?? 8080));
  else if (what === "join" && where !== undefined) await join(where, name);
  else
    throw new Error("type: bun examples/chat.ts serve [PORT], or: bun examples/chat.ts join ws://127.0.0.1:8080 NAME");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
