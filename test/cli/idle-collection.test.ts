import { expect, jest, test } from "bun:test";
import { IdleCollection } from "#cli/idle-collection";

/** With time that passes only here. */
function collection() {
  jest.useFakeTimers();
  const seen = { collected: 0, now: 0 };
  const each = new IdleCollection(
    () => seen.collected++,
    () => seen.now,
  );
  const pass = (ms: number) => {
    seen.now += ms;
    jest.advanceTimersByTime(ms);
  };
  const serve = (n: number) => {
    for (let i = 0; i < n; i++) each.opened();
    for (let i = n; i-- > 0; ) each.ended(i === 0);
  };
  return { each, seen, pass, serve };
}

test("once after a crowd has gone and nobody has come for two seconds, and not again before the next crowd", () => {
  const { seen, pass, serve } = collection();
  serve(5_000);
  pass(1_999);
  expect(seen.collected).toBe(0);
  pass(2);
  expect(seen.collected).toBe(1);
  serve(900);
  pass(60_000);
  expect(seen.collected).toBe(1);
  serve(100);
  pass(60_000);
  expect(seen.collected).toBe(2);
  jest.useRealTimers();
});

test("never while somebody is connected, or came and went a moment ago", () => {
  const { each, seen, pass, serve } = collection();
  serve(5_000);
  pass(1_000);
  each.opened();
  pass(60_000);
  expect(seen.collected).toBe(0);
  each.ended(true);
  pass(1_000);
  serve(1);
  pass(1_500);
  expect(seen.collected).toBe(0);
  pass(1_000);
  expect(seen.collected).toBe(1);
  jest.useRealTimers();
});

test("a service that has ended collects nothing", () => {
  const { each, seen, pass, serve } = collection();
  serve(5_000);
  each.stop();
  pass(60_000);
  expect(seen.collected).toBe(0);
  jest.useRealTimers();
});
