/** `tcpnet/sim`: hosts, links and routers in virtual time, and programs that run on them. */
export {
  type RunEnd,
  type RunOptions,
  Simulation,
  type SimulationOptions,
  type WireOptions,
  type Wires,
} from "#lab/sim/simulation";
export { modules } from "#lab/world/hooks";
export type { PacketFilter, WorldPacket } from "#lab/world/packets";
export { forSeeds, type SeedsOptions } from "#lab/world/seeds";
export type {
  End,
  Main,
  World,
  WorldHost,
  WorldHostOptions,
  WorldLink,
  WorldOptions,
  WorldRouter,
  WorldRunOptions,
} from "#lab/world/types";
export type { Time } from "#lab/world/units";
export { createWorld } from "#lab/world/world";
export { WorldError } from "#lab/world/world-error";
