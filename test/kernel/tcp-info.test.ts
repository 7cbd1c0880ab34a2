import { expect, test } from "bun:test";
import { TCP_INFO_MAX, tcpInfoOf } from "#lab/drill/targets/kernel/tcp-info";

test("every field is read from its own octets: each of them changes one field at most, and none is read past the end", () => {
  const zero = tcpInfoOf(new Uint8Array(TCP_INFO_MAX));
  const names = new Set<string>();
  for (let i = 0; i < TCP_INFO_MAX; i++) {
    const bytes = new Uint8Array(TCP_INFO_MAX);
    bytes[i] = 0x27;
    const changed = Object.entries(tcpInfoOf(bytes)).filter(([name, value]) => value !== zero[name]);
    // Octet 6 holds both window scales; octet 7 a bit for the delivery rate, and two for Fast Open.
    expect(changed.length, `octet ${i}`).toBeLessThanOrEqual(i === 6 || i === 7 ? 2 : 1);
    for (const [name] of changed) names.add(name);
  }
  expect([...names].sort()).toEqual(Object.keys(zero).sort());
});

test("a kernel that knows fewer fields tells fewer", () => {
  const info = tcpInfoOf(new Uint8Array(104).fill(1));
  expect(info.tcpi_total_retrans).toBe(0x01010101);
  expect(info.tcpi_pacing_rate).toBeUndefined();
  expect(info).toMatchObject({ tcpi_snd_wscale: 1, tcpi_rcv_wscale: 0 });
});
