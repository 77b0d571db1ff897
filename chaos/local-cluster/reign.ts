/** One reign: the term is the create revision of the leader key, as everywhere. */
export interface Reign {
  readonly name: string;
  readonly term: number;
}
