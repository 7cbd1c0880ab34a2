/** Turns of the event loop, in the runtimes that there are. */
import { expect, test } from "bun:test";
import { turns, turnsOf } from "#driver/event-loop";

const ALL = {
  "setImmediate, as in Bun, Node.js and Deno": turns,
  "messages, as in browsers": turnsOf({ MessageChannel }),
  "timers, where there is nothing else": turnsOf({}),
};

for (const [name, ours] of Object.entries(ALL)) {
  test(`turns by ${name}: each runs once, in order, after all microtasks, and one that is cancelled does not`, async () => {
    const ran: string[] = [];
    const done = new Promise<void>((resolve) => {
      ours.schedule(() => ran.push("first"));
      const second = ours.schedule(() => ran.push("cancelled"));
      ours.schedule(() => {
        ran.push("third");
        ours.schedule(resolve);
      });
      ours.cancel(second);
      ours.cancel(undefined);
      queueMicrotask(() => queueMicrotask(() => ran.push("microtask")));
      ran.push("now");
    });
    await done;
    expect(ran).toEqual(["now", "microtask", "first", "third"]);
  });
}

test("this runtime has setImmediate, and it is what the driver uses", () => {
  expect(turns.schedule).toBe(setImmediate);
});
