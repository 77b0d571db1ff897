// One line of what `npm run bench` prints. A bench gives figures; it asserts nothing about time.

export interface BenchRow {
  readonly name: string;
  readonly figure: string;
  /** What was promised, to be read beside the figure. */
  readonly budget?: string;
  /** What the bare machine does in the same run. */
  readonly raw?: string;
}
