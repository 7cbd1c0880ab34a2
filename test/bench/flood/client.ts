/**
 * The kernel's side: one transfer that never ends, and a connection after another that sends an octet and waits for the answer. A line on
 * standard input is answered with how long those took since the last line, ms.
 */
const CHUNK = new Uint8Array(256 * 1024);
const PAUSE_MS = 20;

let served: { connect: number; answer: number }[] = [];
let begun = performance.now();
let isBusy = false;

await Bun.connect({
  hostname: "10.0.0.7",
  port: 5001,
  socket: {
    open: (socket) => fill(socket),
    drain: (socket) => fill(socket),
    data() {},
    close: () => fail("the transfer has ended"),
  },
});

function fail(words: string): void {
  console.error(words);
  process.exit(1);
}

function fill(socket: { write(bytes: Uint8Array): number }): void {
  while (socket.write(CHUNK) === CHUNK.length);
}

function connect(): void {
  begun = performance.now();
  isBusy = true;
  let opened = 0;
  const over = (answer: number) => {
    if (!isBusy) return;
    isBusy = false;
    served.push({ connect: opened || answer, answer });
    setTimeout(connect, PAUSE_MS);
  };
  const since = () => performance.now() - begun;
  Bun.connect({
    hostname: "10.0.0.7",
    port: 5002,
    socket: {
      open(socket) {
        opened = since();
        socket.write("x");
      },
      data(socket) {
        over(since());
        socket.end();
      },
      close: () => over(Number.POSITIVE_INFINITY),
      error: () => over(Number.POSITIVE_INFINITY),
    },
  }).catch(() => over(Number.POSITIVE_INFINITY));
}

connect();
console.log("ready");
process.stdin
  .on("data", () => {
    // One that still waits has waited for so long.
    const waits = performance.now() - begun;
    if (isBusy && waits > 100) served.push({ connect: waits, answer: waits });
    console.log(JSON.stringify(served.map(({ connect, answer }) => [connect, answer])));
    served = [];
  })
  .on("end", () => process.exit(0));

export {};
