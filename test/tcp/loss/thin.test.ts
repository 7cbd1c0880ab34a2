/** Thin streams: with little in flight only the timer tells of a loss, so at first it does not back off. */
import { expect, test } from "bun:test";
import { TcpBench } from "../../support/tcp-bench.ts";

/** Backed-off RTOs, ms, after each of the first timeouts. */
function backOffs(thinLinearTimeouts: boolean, octets: number): number[] {
  const b = TcpBench.at("ESTABLISHED", { params: { thinLinearTimeouts } });
  b.send(octets);
  return Array.from({ length: 9 }, () => {
    b.run(b.tcb.rto + 1_000);
    return b.tcb.rto / 1_000;
  });
}

test("six timeouts in a row pass before the RTO doubles", () => {
  const [first] = backOffs(true, 100) as [number];
  expect(backOffs(true, 100)).toEqual([...Array(6).fill(first), 2 * first, 4 * first, 8 * first]);
  expect(backOffs(false, 100)[0]).toBe(2 * first);
});

test("a stream with four segments in flight is not thin", () => {
  expect(backOffs(true, 4 * 1460)[0]).toBe(backOffs(false, 4 * 1460)[0]!);
});
