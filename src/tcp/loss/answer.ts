/** What one ACK brought; registers, valid until the next one. */
export class Answer {
  /** SND.UNA moved. */
  advanced = false;
  /** It acknowledged data or a FIN. */
  acked = false;
  /** It SACKed something new. */
  sacked = false;
  /** It carries data, or changed the window: no duplicate. */
  notDuplicate = false;
  ece = false;
  /** It reported a duplicate (RFC 2883): one that counts, and one of the tail loss probe. */
  dsack = false;
  dsackOfProbe = false;
  /** Something resent was acknowledged. */
  resentAcked = false;
  /** Something that was never resent, from before the state was entered, arrived. */
  original = false;
  /** What is first in flight now is SACKed: the peer threw it away. */
  reneging = false;
  /** A retransmission proved lost. */
  lostAgain = false;
  /** The timer begins anew. */
  restart = false;
  /** Our FIN is acknowledged. */
  fin = false;
  /** The peer's echo of our timestamp. */
  echoed = false;
  tsecr = 0;

  clear(): void {
    this.advanced = this.acked = this.sacked = this.notDuplicate = this.ece = this.dsack = this.dsackOfProbe = false;
    this.resentAcked = this.original = this.reneging = this.lostAgain = this.restart = this.fin = false;
  }
}
