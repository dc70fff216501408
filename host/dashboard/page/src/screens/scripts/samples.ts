// What ctx.event is, by what leads to it: to try a script with. Package dispatch has a test that compares them with events.
import events from './samples.json';

/** An event of each kind. */
export const samples: Record<string, unknown> = events;
