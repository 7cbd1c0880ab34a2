/** The kernel's side of `profile.ts`: COUNT connections, PARALLEL at a time, each half-closed at once; or held open until standard input ends. */
const [count, parallel, mode] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
let begun = 0;
let ended = 0;
const { promise, resolve } = Promise.withResolvers<void>();

function next(): void {
  if (begun === count) return;
  begun++;
  const over = () => {
    if (++ended === count) resolve();
    else next();
  };
  const failed = (error: Error) => {
    throw error;
  };
  const open = (socket: { end(): void }) => (mode === "hold" ? over() : socket.end());
  const socket = {
    open,
    data: () => {},
    close: mode === "hold" ? () => {} : over,
    error: (_: unknown, error: Error) => failed(error),
  };
  Bun.connect({ hostname: "10.0.0.7", port: 5001, allowHalfOpen: true, socket }).catch(failed);
}

for (let i = 0; i < parallel; i++) next();
await promise;
console.log("done");
if (mode === "hold") process.stdin.on("end", () => process.exit(0)).resume();
else process.exit(0);

export {};
