// Which engine runs the tasks: the one that was asked for, or with "auto" docker when its daemon answers, else host processes.

export interface EngineChoice {
  readonly kind: 'docker' | 'process';
  /** For the log: which, and why. */
  readonly why: string;
}

/** `dockerAnswers` says null when the daemon answers, else what is wrong. */
export async function chooseEngine(wanted: string, dockerAnswers: () => Promise<string | null>): Promise<EngineChoice> {
  if (wanted === 'process') return { kind: 'process', why: 'scheduler.engine asks for it' };
  if (wanted === 'docker') return { kind: 'docker', why: 'scheduler.engine asks for it' };
  const problem = await dockerAnswers();
  if (problem === null) return { kind: 'docker', why: 'its daemon answers' };
  return { kind: 'process', why: `no Docker daemon answers (${problem})` };
}
