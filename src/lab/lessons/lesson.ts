import type { EventSink } from "#observe/events";
import type { Evidence } from "./evidence.ts";
import { Scene, type SceneOptions } from "./scene.ts";

/** Scenes of a lesson as they went, in the order of the lesson. */
export type Seen = readonly [Evidence, ...Evidence[]];

/** Something that the lesson says of its scenes, and whether it is so. */
export interface Claim {
  readonly says: (seen: Seen) => string;
  readonly holds: (seen: Seen) => boolean;
}

/** The packets of one scene in a span of time as a ladder. */
export interface LadderPicture {
  readonly kind: "ladder";
  readonly scene?: number;
  /** µs; default: all of it. */
  readonly span?: (seen: Seen) => readonly [number, number];
  /** The ends that are shown; default left and right. */
  readonly ends?: readonly [string, string];
}

export type PlotOf = "cwnd" | "rtt" | "window";

/** One number of one stack over time, of all scenes in one plot. */
export interface PlotPicture {
  readonly kind: "plot";
  readonly of: PlotOf;
  readonly who: string;
  readonly span?: (seen: Seen) => readonly [number, number];
}

export type Picture = LadderPicture | PlotPicture;

export interface LessonScene extends SceneOptions {
  /** What the ends do. */
  readonly play: (scene: Scene) => void;
}

/** A lesson is data: a question, what is run, what it shows, and the answer. */
export interface Lesson {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly scenes: readonly [LessonScene, ...LessonScene[]];
  readonly pictures: readonly Picture[];
  readonly answer: string;
  readonly claims: readonly Claim[];
  /** Where to read on. */
  readonly sections: readonly string[];
}

/** Runs the scenes of a lesson. @param sink takes their events, one scene after the other */
export function runLesson(lesson: Lesson, sink: EventSink | null = null): Seen {
  const played = lesson.scenes.map((options) => {
    const scene = new Scene(options, sink);
    options.play(scene);
    return scene.run();
  });
  return played as unknown as Seen;
}
