// Every promise that the simulation checks, after each step: an id and a sentence. The ids follow the project's list of invariants.

export const INVARIANTS = {
  I1: 'A run that was acknowledged is there from then on.',
  I2: 'The body of an attempt starts at most once.',
  I3: "A leader's write is accepted only while its own term lasts: terms never go back, and each has one writer.",
  I4: 'No leader acts outside longer than the stated bound after its term has ended.',
  I5: 'A body starts only after the intent to start it was committed, and not after its end was.',
  I6: 'Runs and tasks only go forward, and what is complete does not change.',
  I7: 'Once all is healed, everything comes to its end.',
  I8: 'The log of every body that ran is archived, whole.',
  I9: 'Run ids are unique, a start that was refused left no run, and a run is created at most once for each request.',
  I10: 'Events are numbered without a gap or a double, never go back in time, and tell exactly what the records tell.',
  I12: 'One Idempotency-Key makes one run.',
  I13: 'A cancel is final: once it is committed nothing of the run is started, and once it is acknowledged, not beyond the bound.',
  I14: 'Never more runs at once than the limits allow.',
  I15: 'Nothing is left over: no body without a task, no ask, event or archive without an owner.',
  I17: 'Every read tells of a state that was true between its call and its answer.',
  I18: 'Outcomes are the truth: what a record says of an attempt is what happened to its body.',
  I19: 'Event streams are complete: across breaks and nodes a reader sees every event, once, in order.',
  I20: "No invariant of the code itself breaks, nothing is rejected unheard, no node's loop spins.",
  I21: 'What a leader reads is not older than its term.',
} as const;
