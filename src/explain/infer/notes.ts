/** What a capture says of a connection beside its figures: where it was taken, what it lacks, what both ends agreed on. */
import type { InferredConnection, Note } from "#report/model/run";
import { count, duration, size } from "#report/verdict/text";
import type { Flow } from "./flow.ts";

/** One half of the round trip is so much longer than the other. */
const NEAR = 4;

export function notesOn(flow: Flow): InferredConnection {
  const notes = [
    ...handshake(flow),
    ...place(flow),
    ...missing(flow),
    ...([0, 1] as const).flatMap((end) => [...segments(flow, end), ...again(flow, end), ...probes(flow, end)]),
    ...ending(flow),
  ];
  return { notes, unscaled: unscaled(flow) };
}

const note = (text: string, tone: Note["tone"] = "", from: Note["from"] = -1, at = -1): Note => ({
  text,
  tone,
  from,
  at,
});

/** Scaling works only if both ends offer it; an end whose SYN is not there is not blamed. */
function unscaled({ ends, names }: Flow): string[] {
  const both = ends.every(({ offer }) => offer !== null);
  return names.filter((_, end) => {
    const { offer } = ends[end as 0 | 1];
    if (offer === null || offer.windowScale >= 0) return false;
    // The answer may only have what the SYN had.
    return end === 0 || !both || ends[0].offer!.windowScale >= 0;
  });
}

function handshake(flow: Flow): Note[] {
  const { ends, names, first } = flow;
  const [a, b] = ends;
  const notes: Note[] = [];
  if (a.packets === 0 || b.packets === 0) {
    const silent = a.packets === 0 ? 0 : 1;
    if (ends[1 - silent]!.isn >= 0 && ends[1 - silent]!.packets === ends[1 - silent]!.syns) return syns(flow);
    return [
      note(
        `Only packets from ${names[1 - silent]} are in the capture: losses, round trips and limits cannot be ` +
          "inferred. Capture where both directions pass, for example at an end.",
        "warn",
      ),
    ];
  }
  if (a.isn < 0 && b.isn < 0)
    notes.push(
      note("The capture begins after the handshake: window scales are not known, so windows may be larger than shown."),
    );
  else if (a.isn < 0 || b.isn < 0)
    notes.push(
      note(
        `The ${a.isn < 0 ? "SYN" : "SYN,ACK"} is not in the capture: the window scale of ${names[a.isn < 0 ? 0 : 1]} is not known.`,
      ),
    );
  notes.push(...syns(flow));
  for (const end of [0, 1] as const) {
    const { offer } = ends[end];
    if (offer !== null && !offer.sackPermitted && (end === 0 || ends[0].offer?.sackPermitted !== false))
      notes.push(
        note(`${names[end]} does not permit SACK: each round trip repairs one loss at most.`, "warn", -1, first),
      );
  }
  return notes;
}

function syns({ ends, names, first }: Flow): Note[] {
  return ([0, 1] as const)
    .filter((end) => ends[end].syns > 1)
    .map((end) => {
      const times = count(ends[end].syns, "time");
      return note(
        `${names[end]} sent its ${end === 0 ? "SYN" : "SYN,ACK"} ${times}: it, or the answer, was lost.`,
        "warn",
        -1,
        first,
      );
    });
}

function place({ halves, names }: Flow): Note[] {
  const [a, b] = [halves[0].near.min, halves[1].near.min];
  if (!Number.isFinite(a) || !Number.isFinite(b)) return [];
  const trips = `the round trip from there is ${duration(a)} to ${names[0]} and ${duration(b)} to ${names[1]}`;
  if (a * NEAR < b) return [note(`Captured at ${names[0]}, or near to it: ${trips}.`)];
  if (b * NEAR < a) return [note(`Captured at ${names[1]}, or near to it: ${trips}.`)];
  return [note(`Captured between the ends: ${trips}.`)];
}

function missing({ ends, halves, names, twice }: Flow): Note[] {
  const notes: Note[] = [];
  const both = ends.every(({ packets }) => packets > 0);
  for (const end of [0, 1] as const) {
    const { unseenAcknowledged: octets } = halves[end];
    if (both && octets > 0)
      notes.push(
        note(
          `${size(octets)} from ${names[end]} were acknowledged and are not in the capture: the capturing program ` +
            "missed packets, or they took another way. What looks like a loss here may be none.",
          "warn",
          end,
        ),
      );
  }
  if (twice > 0)
    notes.push(
      note(
        `${count(twice, "packet is", "packets are")} in the capture twice (captured at two places, or copied by ` +
          "the network), and counted once.",
      ),
    );
  return notes;
}

function segments({ halves, names }: Flow, end: 0 | 1): Note[] {
  const { largest, mssLimit, near } = halves[end];
  if (mssLimit <= 0 || largest <= mssLimit + 12) return [];
  const atSender = near.min <= halves[1 - end]!.near.min;
  const why = atSender
    ? "captured before the network card cut them (TSO), so what the path carried is not seen"
    : "the network card or the kernel had joined them (GRO) before they were captured";
  return [
    note(
      `Segments from ${names[end]} have up to ${largest.toLocaleString("en-US")} bytes, and its MSS is at most ` +
        `${mssLimit}: ${why}. Turn it off with ethtool -K for exact captures.`,
      "",
      end,
    ),
  ];
}

function again({ halves, names }: Flow, end: 0 | 1): Note[] {
  const { holes, fates } = halves[end];
  const notes: Note[] = [];
  if (holes.reordered > 0)
    notes.push(
      note(
        `${count(holes.reordered, "segment")} from ${names[end]} came out of order: others overtook them before the capture. No loss.`,
        "",
        end,
      ),
    );
  if (holes.lost > 0)
    notes.push(
      note(`Lost before the place of the capture: ${count(holes.lost, "segment")} from ${names[end]}.`, "", end),
    );
  const shown = [
    fates.bySack > 0 ? `${fates.bySack} by D-SACK` : "",
    fates.byDuplicate > 0 ? `${fates.byDuplicate} by duplicate ACKs` : "",
    fates.byTimestamp > 0 ? `${fates.byTimestamp} by timestamps (Eifel)` : "",
    fates.byTime > 0 ? `${fates.byTime} because the ACK came too soon` : "",
  ].filter((part) => part !== "");
  if (shown.length > 0) notes.push(note(`Spurious retransmissions are known ${shown.join(", ")}.`, "", end));
  return notes;
}

function probes({ halves, names }: Flow, end: 0 | 1): Note[] {
  const { windowProbes, keepAlives } = halves[end];
  const notes: Note[] = [];
  if (windowProbes > 0)
    notes.push(note(`${names[end]} probed the closed window ${count(windowProbes, "time")}.`, "", end));
  if (keepAlives > 0) notes.push(note(`${names[end]} sent ${count(keepAlives, "keep-alive")}.`, "", end));
  return notes;
}

function ending({ reset }: Flow): Note[] {
  if (reset === null) return [];
  return [note(reset.text, reset.kind === "harmless" ? "" : "bad", -1, reset.time)];
}
