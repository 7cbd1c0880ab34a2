/** Timers by the stack's clock: each rings once per setting, in time and in order. */
import { expect, test } from "bun:test";
import { NEVER } from "#base/time";
import { Alarm, Alarms } from "#stack/alarms";

/** Alarms, the times that they asked to be called at, and what rang. */
function rig() {
  const armed: number[] = [];
  const rung: string[] = [];
  const alarms = new Alarms((at) => armed.push(at));
  const alarm = (name: string) => new Alarm(() => rung.push(name));
  const pass = (now: number) => {
    alarms.advance(now);
    for (let next = alarms.nextEvent(); next !== undefined; next = alarms.nextEvent()) next.ring();
  };
  return { alarms, armed, rung, alarm, pass };
}

test("alarms ring once, at their time, the earlier first", () => {
  const { alarms, armed, rung, alarm, pass } = rig();
  alarms.set(alarm("late"), 30);
  alarms.set(alarm("soon"), 10);
  expect(armed).toEqual([30, 10]);
  pass(9);
  expect(rung).toEqual([]);
  expect(alarms.nextDeadline()).toBe(10);
  pass(40);
  pass(50);
  expect(rung).toEqual(["soon", "late"]);
  expect(alarms.nextDeadline()).toBe(NEVER);
});

test("an alarm that is moved rings at its new time only", () => {
  const { alarms, rung, alarm, pass } = rig();
  const one = alarm("one");
  alarms.set(one, 10);
  alarms.set(one, 50);
  pass(20);
  expect(rung).toEqual([]);
  expect(alarms.nextDeadline()).toBe(50);
  alarms.set(one, 25);
  pass(30);
  pass(60);
  expect(rung).toEqual(["one"]);
});

test("an alarm that is cleared does not ring, also if it was due in the same turn", () => {
  const { alarms, rung, alarm } = rig();
  const one = alarm("one");
  const two = alarm("two");
  alarms.set(one, 10);
  alarms.set(two, 10);
  alarms.advance(10);
  expect(alarms.hasEvents()).toBe(true);
  alarms.clear(one);
  alarms.set(two, 20);
  expect(alarms.nextEvent()).toBeUndefined();
  alarms.advance(20);
  alarms.nextEvent()?.ring();
  expect(rung).toEqual(["two"]);
});

test("numbers are used again: an alarm set anew is not mistaken for another", () => {
  const { alarms, rung, alarm, pass } = rig();
  const names: string[] = [];
  for (let i = 0; i < 1_000; i++) {
    const one = alarm(`${i}`);
    alarms.set(one, i);
    if (i % 2 === 0) alarms.clear(one);
    else names.push(`${i}`);
    if (i % 10 === 0) pass(i);
  }
  pass(1_000);
  expect(rung).toEqual(names);
});
