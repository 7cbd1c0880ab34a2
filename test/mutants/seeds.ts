/**
 * The seeds of the random simulation that caught a mutant last, if it took more than a few to find them. The hunt begins with
 * it. A seed that catches nothing any more costs only time: the hunt goes on from seed 1. `just mutants` always begins there,
 * and prints what to write here.
 */
export const CAUGHT_BY: Readonly<Record<string, number>> = {
  "sequence numbers are compared without wrap": 78,
  "the ACK of data never sent is accepted": 39,
  "the sender ignores SACK": 42,
  "round trips are taken from retransmissions (Karn)": 12,
  "a FIN is not retransmitted": 86,
  "more than the window holds is taken": 513,
  "PAWS is off": 60,
  "the delayed ACK never goes": 21,
  "any RST in the window resets": 167,
  "any RST beyond the window resets": 20,
  "a SYN in the window resets": 38,
  "the window of a SYN is scaled": 34,
};
