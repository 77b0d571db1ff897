// Colours, or none: the same code writes to a terminal and to a file.

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'grey' | 'bold';

export type Paint = (colour: Colour, text: string) => string;

const CODES: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  grey: [90, 39],
  bold: [1, 22],
};

export const paintNothing: Paint = (_colour, text) => text;

export const paintAnsi: Paint = (colour, text) => {
  const [on, off] = CODES[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

/** What the words of states and statuses are painted in. */
const WORD_COLOURS: ReadonlyMap<string, Colour> = new Map([
  ...coloured('green', 'active', 'complete', 'successful', 'live', 'true'),
  ...coloured('yellow', 'disabled', 'pending', 'running', 'unreleased', 'waiting', 'processing'),
  ...coloured('red', 'failed', 'deprecated', 'false'),
  ...coloured('grey', 'cancelled', 'skipped', 'unknown'),
]);

/** A state or status word in its colour; any other text as it is. */
export function paintStatus(paint: Paint, word: string): string {
  const colour = WORD_COLOURS.get(word.toLowerCase());
  return colour === undefined ? word : paint(colour, word);
}

function coloured(colour: Colour, ...words: readonly string[]): readonly (readonly [string, Colour])[] {
  return words.map((word) => [word, colour]);
}
