import { type Chance, CLEAR_LINK, type LinkProfile, type LossNth, type Queue } from "./link-profile.ts";
import { percentText, rateText, sizeText, timeText } from "./link-units.ts";
import type { LinkProfiles } from "./link-words.ts";

/** A profile in words that `parseLink` reads: what differs from a clear link; "" for a clear link. */
export function linkText(profile: LinkProfile): string {
  const words: string[] = [];
  const { jitter, down } = profile;
  if (profile.delay > 0) words.push(`delay ${timeText(profile.delay)}`);
  if (jitter.spread > 0) {
    words.push(`jitter ${timeText(jitter.spread)}${correlationText(jitter.correlation)}`);
    if (jitter.distribution !== CLEAR_LINK.jitter.distribution) words.push(`distribution ${jitter.distribution}`);
    if (jitter.overtakes) words.push("overtakes");
  }
  lossText(profile, words);
  if (profile.duplicate.probability > 0) words.push(`duplicate ${chanceText(profile.duplicate)}`);
  if (profile.corrupt.probability > 0) words.push(`corrupt ${chanceText(profile.corrupt)}`);
  if (profile.reorder.probability > 0) {
    words.push(`reorder ${chanceText(profile.reorder)}`);
    if (profile.reorder.gap !== 1) words.push(`gap ${profile.reorder.gap}`);
  }
  if (profile.rate !== Number.POSITIVE_INFINITY) words.push(`rate ${rateText(profile.rate)}`);
  if (profile.trace !== undefined) words.push(`trace ${profile.trace.name}`);
  queueText(profile.queue, words);
  if (profile.mtu !== undefined) words.push(`mtu ${profile.mtu}${profile.mtuIcmp ? "" : " silent"}`);
  if (down !== undefined) {
    words.push(`down ${down.spans.map((span) => `${timeText(span.from)}-${timeText(span.to)}`).join(",")}`);
    if (down.period !== Number.POSITIVE_INFINITY) words.push(`every ${timeText(down.period)}`);
  }
  return words.join(" ");
}

/** Both directions in words that `parseLinks` reads; never empty. */
export function linksText({ out, in: back }: LinkProfiles): string {
  const [there, home] = [out, back].map((profile) => linkText(profile) || "clear");
  return there === home ? there! : `out ${there} in ${home}`;
}

/** The counters of one direction: "offered 1432, delivered 1420, loss 12". */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const { "link.offered": offered = 0, "link.delivered": delivered = 0, ...others } = counts;
  const parts = Object.entries(others).map(([name, n]) => `, ${name.replace(/^\w+\./, "")} ${n}`);
  return `offered ${offered}, delivered ${delivered}${parts.join("")}`;
}

function lossText(profile: LinkProfile, words: string[]): void {
  const { loss, lossNth } = profile;
  if (loss.kind === "gilbert-elliott") {
    words.push(`loss gemodel ${[loss.p, loss.r, loss.lossBad, loss.lossGood].map(percentText).join(" ")}`);
  } else if (loss.chance.probability > 0) words.push(`loss ${chanceText(loss.chance)}`);
  if (lossNth !== undefined) words.push(`loss ${nthText(lossNth)}`);
}

function nthText({ mask, repeats }: LossNth): string {
  if (repeats) return `pattern ${mask.join("")}`;
  const runs: string[] = [];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] !== 1) continue;
    const from = i + 1;
    while (mask[i + 1] === 1) i++;
    runs.push(from === i + 1 ? `${from}` : `${from}-${i + 1}`);
  }
  return `nth ${runs.join(",")}`;
}

function queueText(queue: Queue, words: string[]): void {
  const usual = CLEAR_LINK.queue;
  if (queue.bytes !== usual.bytes) words.push(`queue ${sizeText(queue.bytes)}`);
  else if (queue.packets !== usual.packets) words.push(`queue ${queue.packets}`);
  const { codel } = queue;
  if (codel !== undefined) {
    words.push(`codel target ${timeText(codel.target)} interval ${timeText(codel.interval)}${codel.ecn ? " ecn" : ""}`);
  }
  if (queue.ecnPackets !== usual.ecnPackets) words.push(`ecn ${queue.ecnPackets}`);
  if (queue.ecnBytes !== usual.ecnBytes) words.push(`ecn ${sizeText(queue.ecnBytes)}`);
}

function chanceText(chance: Chance): string {
  return percentText(chance.probability) + correlationText(chance.correlation);
}

function correlationText(correlation: number): string {
  return correlation > 0 ? ` ${percentText(correlation)}` : "";
}
