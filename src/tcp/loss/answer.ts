import { RateSample } from "../words/rate-sample.ts";

/** What one ACK reported. The object is reused: its values are valid until the next ACK. */
export class Answer {
  readonly rate = new RateSample();
  /** SND.UNA moved. */
  advanced = false;
  /** It acknowledged data or a FIN. */
  acked = false;
  /** It SACKed something new. */
  sacked = false;
  /** It carries data or changes the window, so it is not a duplicate ACK. */
  notDuplicate = false;
  ece = false;
  /** It reported a duplicate (RFC 2883). `dsackOfProbe`: the duplicate is the tail loss probe. */
  dsack = false;
  dsackOfProbe = false;
  /** It acknowledged a retransmitted segment. */
  resentAcked = false;
  /** It acknowledged or SACKed a segment that was sent before the state was entered and never retransmitted. */
  original = false;
  /** The first record after SND.UNA is SACKed but not acknowledged, so the peer has discarded it (RFC 2018 §8). */
  reneging = false;
  /** It showed that a retransmission was lost. */
  lostAgain = false;
  /** The retransmission timer must be restarted. */
  restart = false;
  /** It acknowledged our FIN. */
  fin = false;
  /** It echoes our timestamp in `tsecr`. */
  echoed = false;
  tsecr = 0;

  clear(): void {
    this.advanced = this.acked = this.sacked = this.notDuplicate = this.ece = this.dsack = this.dsackOfProbe = false;
    this.resentAcked = this.original = this.reneging = this.lostAgain = this.restart = this.fin = false;
    this.rate.clear();
  }
}
