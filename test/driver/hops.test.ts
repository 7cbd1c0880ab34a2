import { expect, test } from "bun:test";
import { HOPS, Hops, ROUND } from "#driver/hops";

/** Runs pauses in a row, as a turn does; after each began, `told` does what the program does. Returns how many microtasks each took. */
async function pauses(hops: () => Hops, count: number, told: () => void): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    taken.push(hops().depth);
    const over = new Promise<void>((resolve) => {
      then = resolve;
    });
    told();
    hops().pause();
    await over;
  }
  return taken;
}

let then: () => void = () => {};

/** Calls `answer` after so many microtasks. */
function after(microtasks: number, answer: () => void): void {
  if (microtasks === 0) answer();
  else queueMicrotask(() => after(microtasks - 1, answer));
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("at first HOPS microtasks run before the turn goes on", async () => {
  let order = "";
  const hops = new Hops(() => {
    order += "!";
  });
  for (let i = 1; i <= HOPS + 1; i++) after(i, () => (order += i));
  hops.pause();
  await turn();
  expect(order).toBe("12345678!9");
});

test("who answers at once soon gets one microtask", async () => {
  const hops = new Hops(() => then());
  const atOnce = await pauses(
    () => hops,
    4 * ROUND,
    () => hops.answered(),
  );
  expect(atOnce[0]).toBe(HOPS);
  expect(atOnce.at(-1)).toBe(1);
});

test.each([1, 2, 3, 5, 8])(
  "an answer after %i microtasks is always within the pause, if it was so in the rounds before",
  async (depth) => {
    const hops = new Hops(() => then());
    let pending = 0;
    let late = 0;
    const taken = await pauses(
      () => hops,
      6 * ROUND,
      () => {
        late += pending;
        pending++;
        after(depth, () => {
          pending--;
          hops.answered();
        });
      },
    );
    expect(late).toBe(0);
    expect(taken.at(-1)).toBe(depth);
  },
);

test("after an answer that came too late, all HOPS run again for a while", async () => {
  const hops = new Hops(() => then());
  await pauses(
    () => hops,
    4 * ROUND,
    () => {},
  );
  expect(hops.depth).toBe(1);
  // The program now needs three microtasks; the turn waits in the device after one, and ends without a packet.
  after(3, () => hops.answered());
  await pauses(
    () => hops,
    1,
    () => hops.turnEnds(),
  );
  hops.turnEnds();
  await turn();
  expect(hops.depth).toBe(HOPS);
  await pauses(
    () => hops,
    10 * ROUND,
    () => {},
  );
  expect(hops.depth).toBe(HOPS);
  await pauses(
    () => hops,
    100 * ROUND,
    () => {},
  );
  expect(hops.depth).toBe(1);
});

test("what the program sends of its own accord, after the microtasks of the turn, is no late answer", async () => {
  const hops = new Hops(() => then());
  await pauses(
    () => hops,
    4 * ROUND,
    () => {},
  );
  hops.turnEnds();
  await turn();
  hops.answered();
  expect(hops.depth).toBe(1);
});
