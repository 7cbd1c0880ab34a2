/** The module of a group's threads, for stack-group.inside.ts. */
import { parentPort } from "node:worker_threads";
import { joinStackGroup } from "#socket/join-stack-group";
import type { NetStack } from "#socket/stack-types";

/** What the test asks a thread to do. */
export type Order = { readonly connect: readonly number[]; readonly remote: string } | "block" | "die";

const BLOCK_MS = 8_000;

joinStackGroup((stack, { queue, data }) => {
  if (data === "refuse" && queue === 1) throw new Error("it does not want to");
  const socket = { data: (s: { write(b: Uint8Array): number }, bytes: Uint8Array) => s.write(bytes) };
  stack.listen({ port: 7, backlog: 256, socket: { ...socket, end: (s) => s.closeWrite() } });
  parentPort!.on("message", (order: Order) => {
    if (order === "die") {
      setTimeout(() => {
        throw new Error("a defect");
      });
    } else if (order === "block") Bun.sleepSync(BLOCK_MS);
    else for (const port of order.connect) greet(stack, order.remote, port, queue);
  });
});

/** Says which queue it is, and then what it hears. */
function greet(stack: NetStack, remote: string, port: number, queue: number): void {
  stack.connect(
    { hostname: remote, port },
    {
      socket: {
        open: (s) => s.write(Uint8Array.of(queue)),
        data: (s, bytes) => s.write(bytes),
        end: (s) => s.closeWrite(),
      },
    },
  );
}
