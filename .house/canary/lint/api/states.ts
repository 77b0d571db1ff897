// expects: @typescript-eslint/switch-exhaustiveness-check
type State = 'waiting' | 'running' | 'over';

export function word(state: State): string {
  switch (state) {
    case 'waiting':
      return 'Waiting';
    case 'running':
      return 'Running';
  }
  return '';
}
