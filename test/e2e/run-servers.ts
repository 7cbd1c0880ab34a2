/**
 * Servers of the world outside, for tests of `tcpnet run`: HTTP with the files of a folder, UDP echo, a resolver. Argument: the folder.
 * Says "ready" when all of them listen, and ends with its standard input.
 */
const [folder = "."] = process.argv.slice(2);

/** The world's address, and this machine's own. */
const FAR = "198.51.100.9";

for (const hostname of [FAR, "127.0.0.1", "::1", "2001:db8::9"]) {
  Bun.serve({
    hostname,
    port: 8000,
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === "/who") return new Response(server.requestIP(request)?.address ?? "");
      if (pathname === "/echo") return new Response(request.body);
      const file = Bun.file(`${folder}${pathname}`);
      return file.exists().then((exists) => (exists ? new Response(file) : new Response("none", { status: 404 })));
    },
  });
}
for (const hostname of [FAR, "127.0.0.1"]) {
  await Bun.udpSocket({ hostname, port: 7, socket: { data: (s, data, port, from) => void s.send(data, port, from) } });
}
/** Answers every question for an A record with FAR, and other questions with no record. */
await Bun.udpSocket({
  hostname: "127.0.0.1",
  port: 5353,
  socket: {
    data(socket, query, port, from) {
      const end = 12 + query.subarray(12).indexOf(0) + 5;
      const isA = query[end - 3] === 1;
      const answer = isA ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...FAR.split(".").map(Number)] : [];
      const head = [query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0];
      socket.send(Uint8Array.from([...head, ...query.subarray(12, end), ...answer]), port, from);
    },
  },
});
// Resets instead of an answer.
Bun.listen({ hostname: FAR, port: 9, socket: { data: (socket) => socket.terminate() } });
// Counts.
let sunk = 0;
const sink = {
  data: (_: unknown, data: Uint8Array) => void (sunk += data.length),
  end: () => void Bun.write(`${folder}/sunk`, `${sunk}`),
};
Bun.listen({ hostname: FAR, port: 11, allowHalfOpen: true, socket: sink });
console.error("ready");
for await (const _ of Bun.stdin.stream());
process.exit(0);

export {};
