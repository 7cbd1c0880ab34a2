/** `tcpnet/sim`: hosts, links and routers in virtual time. */
export {
  type RunEnd,
  type RunOptions,
  Simulation,
  type SimulationOptions,
  type WireOptions,
  type Wires,
} from "#lab/sim/simulation";
