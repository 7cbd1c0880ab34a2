/** The dashboard of the demo: its two programs tell their figures as JSON, and the link is changed through its control socket. */
import { askControl } from "#lab/chaos/control-client";
import { bracketed } from "../address-map.ts";
import type { DemoOptions } from "../demo-plan.ts";
import type { Message, Stage } from "../demo-stage.ts";
import type { Role } from "../endpoint.ts";
import type { Voice } from "../voice.ts";
import type { EndSample, LinkSample } from "./sample.ts";
import { NO_LINK } from "./session-view.ts";
import { canWatch, Watch } from "./watch.ts";

/** An interval event of host or peer. */
interface Interval extends Message {
  readonly info: EndSample["info"];
  readonly received: { readonly bytes: number };
  readonly link?: LinkSample;
}

/** @param socket of the link; "": it cannot be changed */
export function watchDemo(stage: Stage, options: DemoOptions, voice: Voice, socket: string): Watch | null {
  if (!options.watch || options.manner !== "plain" || !canWatch()) return null;
  const { impairment } = options;
  const ends = new Map<Role, EndSample>();
  let link: LinkSample | null = null;
  stage.onInterval = (role, told) => {
    const { info, received, link: its } = told as Interval;
    const { localAddress, localPort, remoteAddress, remotePort } = info;
    const name = `${role} ${bracketed(localAddress, localPort)} → ${bracketed(remoteAddress, remotePort)}`;
    ends.set(role, { name, info, received: received.bytes });
    link = its ?? link;
  };
  return new Watch({
    title: "tcpnet demo",
    note: impairment === null ? "" : `seed ${impairment.seed}`,
    hasStack: true,
    now: () => voice.now(),
    ends: () => [...ends.values()],
    link: () => link,
    change: impairment === null || socket === "" ? null : (line) => askControl(socket, line),
    whyNoKeys: impairment === null ? NO_LINK : "another demo has the control socket",
  });
}
