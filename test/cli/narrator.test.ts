import { expect, test } from "bun:test";
import { Narrator } from "#cli/narrator";
import { Voice } from "#cli/voice";
import { pair } from "#device/pair";
import { createStack } from "#socket/create-stack";

interface Line {
  readonly event: string;
  readonly text: string;
  readonly t: number;
}

/** A connection over a link in memory, opened by one, closed by both; what the narrators of both say. */
async function story(): Promise<{ readonly active: Line[]; readonly passive: Line[] }> {
  const [left, right] = pair();
  const make = async (device: typeof left, address: string, seed: number) => {
    const lines: Line[] = [];
    const stack = await createStack({ device, address, seed, trace: 1024 });
    const voice = new Voice("json", (line) => lines.push(JSON.parse(line)));
    const narrator = new Narrator(voice);
    stack.onTrace = (trace) => narrator.read(trace);
    return { stack, lines };
  };
  const a = await make(left, "10.0.0.1/24", 1);
  const b = await make(right, "10.0.0.2/24", 2);
  const listener = b.stack.listen({ port: 7 });
  const client = a.stack.connect({ hostname: "10.0.0.2", port: 7 });
  const server = (await listener.accept())!;
  client.write(new Uint8Array(100_000));
  client.closeWrite();
  const into = new Uint8Array(65_536);
  while ((await server.read(into)) > 0);
  server.closeWrite();
  await Promise.all([client.closed, server.closed]);
  a.stack.onTrace = null;
  b.stack.onTrace = null;
  await Promise.all([a.stack.close(), b.stack.close()]);
  return { active: a.lines, passive: b.lines };
}

const words = (lines: readonly Line[]) =>
  lines.map(({ text }) => text.replace(/\s+(seq|CLOSE)(?![-D]).*$/, "").replace(/\s+/g, " "));

test("both sides tell every step of handshake and close with the state it leads to, and no data in between", async () => {
  const { active, passive } = await story();
  // The peer closes as soon as it has read the end: its FIN may be the first segment to acknowledge ours.
  expect(words(active).filter((line) => line !== "← ACK FIN-WAIT-2")).toEqual([
    "→ SYN SYN-SENT",
    "← SYN ACK ESTABLISHED",
    "→ ACK",
    "· FIN-WAIT-1",
    "→ FIN ACK",
    "← FIN ACK TIME-WAIT",
    "→ ACK",
  ]);
  const heard = words(passive);
  expect(heard.slice(0, 3)).toEqual(["← SYN SYN-RECEIVED", "→ SYN ACK", "← ACK ESTABLISHED"]);
  expect(heard[3]).toBe("← FIN ACK CLOSE-WAIT");
  expect(heard.some((line) => line.endsWith("LAST-ACK"))).toBe(true);
  expect(heard.at(-1)).toBe("← ACK CLOSED");
});

test("times never go back, and are counted from the beginning", async () => {
  for (const lines of Object.values(await story())) {
    const times = lines.map(({ t }) => t);
    expect(times).toEqual(times.toSorted((x, y) => x - y));
    expect(times[0]).toBeGreaterThanOrEqual(0);
    expect(times.at(-1)).toBeLessThan(60);
  }
});
