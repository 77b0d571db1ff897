// Amounts of bytes in words.

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** `312 bytes`, `1.5 KiB`, `20 MiB` */
export function byteWords(bytes: number): string {
  if (bytes < 1_024) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  let amount = bytes;
  let unit = 'bytes';
  for (const larger of UNITS) {
    if (amount < 1_024) break;
    amount /= 1_024;
    unit = larger;
  }
  return `${amount < 10 ? amount.toFixed(1).replace(/\.0$/, '') : Math.round(amount)} ${unit}`;
}
