// expects: @typescript-eslint/no-explicit-any @typescript-eslint/no-non-null-assertion @typescript-eslint/consistent-type-imports
// expects: @typescript-eslint/consistent-type-assertions max-params no-console
import { Stats } from 'node:fs';

export function first(list: any[], a: number, b: number, c: number, d: number): Stats {
  console.log(a, b, c, d);
  return list.at(0)! as Stats;
}
