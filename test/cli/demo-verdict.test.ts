import { expect, test } from "bun:test";
import { whyResent } from "#cli/demo-verdict";

test("the demo says why a clean link made a sender resend: late answers, or a full queue of the kernel", () => {
  expect(whyResent({ retransmits: 0, duplicates: 0 })).toBe("");
  expect(whyResent({ retransmits: 2, duplicates: 2 })).toContain("nothing was lost");
  expect(whyResent({ retransmits: 2, duplicates: 1 })).toContain("queue to it was full");
});
