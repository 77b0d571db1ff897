// How often nodes speak to each other, and how long they wait.

export interface PeerTimings {
  /** A node tells its state to each follower this often. */
  readonly pulseMs: number;
  /** Without a pulse for so long, a stream is opened anew: its connection may be dead on the way. */
  readonly streamSilentMs: number;
  /** The first pause before a broken stream is opened again; doubled with each failure. */
  readonly againFirstMs: number;
  readonly againMaxMs: number;
  /** A connection that is asked for something must stand within this time. */
  readonly connectMs: number;
  /** HTTP/2 pings, so that the death of a machine ends a stream on which nothing happens. */
  readonly keepAliveMs: number;
  readonly keepAliveTimeoutMs: number;
  /** A start that was handed to the leader and is not answered within this time is made by the node that has it. */
  readonly startMs: number;
  /** For so long after that no other is handed to it. */
  readonly startAgainMs: number;
  /** How long a task's stream looks for a node that reaches the engine before it gives up. */
  readonly takeOverMs: number;
  /** The certificate files are read again this often. */
  readonly certificatesMs: number;
}

export const PEER_TIMINGS: PeerTimings = {
  // A sixth of the silence after which a leader is deposed: a few late pulses depose nobody.
  pulseMs: 250,
  streamSilentMs: 3_000,
  // A restarted node is heard again soon, and a dead one costs next to nothing.
  againFirstMs: 50,
  againMaxMs: 1_000,
  connectMs: 2_000,
  keepAliveMs: 2_000,
  keepAliveTimeoutMs: 1_500,
  // Many times what it takes under load, and less than a client's patience.
  startMs: 1_000,
  startAgainMs: 2_000,
  // Longer than a lease: within it the members know who is left.
  takeOverMs: 15_000,
  certificatesMs: 10_000,
};

/** Far above any message of ours: a chunk of a log is cut to CHUNK_BYTES_MAX. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** With at most 16 chunks of a stream in a node's memory, a slow reader costs it half a megabyte. */
export const CHUNK_BYTES_MAX = 32 * 1024;
/** Starts handed over in one message, whose variables may be long, stay below this. */
export const STARTS_BYTES_MAX = 512 * 1024;
/** Calls on one connection; each task stream has a connection of its own, so nobody of ours comes near. */
export const CALLS_MAX = 256;
