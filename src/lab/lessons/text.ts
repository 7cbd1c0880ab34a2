/** A lesson on the terminal. */
import { duration, size } from "#report/verdict/text";
import type { Evidence } from "./evidence.ts";
import { ladder } from "./ladder.ts";
import type { Lesson, Picture, PlotOf, PlotPicture, Seen } from "./lesson.ts";
import { type PlotSeries, plot } from "./plot.ts";

/** A claim with what the run says of it. */
export interface Checked {
  readonly text: string;
  readonly holds: boolean;
}

export function checkClaims({ claims }: Lesson, seen: Seen): Checked[] {
  return claims.map(({ says, holds }) => ({ text: says(seen), holds: holds(seen) }));
}

/** The pictures, each under a line that says what it shows. */
export function pictures({ scenes, pictures: all }: Lesson, seen: Seen, width: number): string[] {
  return all.flatMap((picture, i) => {
    const scene = picture.kind === "ladder" ? scenes[picture.scene ?? 0]! : null;
    const of = scene === null ? TITLES[(picture as PlotPicture).of] : `${scene.name} (link: ${scene.link})`;
    return [...(i > 0 ? [""] : []), of, "", ...draw(picture, seen, width)];
  });
}

function draw(picture: Picture, seen: Seen, width: number): string[] {
  if (picture.kind === "ladder") {
    const { run } = seen[picture.scene ?? 0]!;
    const span = picture.span?.(seen) ?? ([0, Number.POSITIVE_INFINITY] as const);
    return ladder(run, { span, ends: picture.ends ?? ["left", "right"], width });
  }
  const { of, who, span } = picture;
  const series = seen.map((evidence): PlotSeries => ({ name: evidence.name, points: POINTS[of](evidence, who) }));
  return plot(series, { width, text: of === "rtt" ? duration : size, span: span?.(seen) });
}

const TITLES: Readonly<Record<PlotOf, string>> = {
  cwnd: "the congestion window",
  rtt: "the round-trip time",
  window: "the window that the receiver offers",
};

type Points = (evidence: Evidence, who: string) => PlotSeries["points"];

const POINTS: Readonly<Record<PlotOf, Points>> = {
  cwnd: (e, who) => e.all("recovery:metrics_updated", who).map(({ time, cwnd }) => [time, cwnd] as const),
  rtt: (e, who) => e.all("recovery:rtt_updated", who).map(({ time, sample }) => [time, sample] as const),
  window: (e, who) =>
    e
      .received(who)
      .filter(({ flags }) => !/SYN|RST/.test(flags))
      .map(({ time, window }) => [time, window] as const),
};
