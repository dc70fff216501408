// What the editor knows of the SDK: completion, and what is told of the word under the pointer. It is asked of the
// server, whose table of the SDK is the one place of it.
import { autocompletion, snippetCompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { syntaxTree } from '@codemirror/language';
import type { EditorState, Extension } from '@codemirror/state';
import { EditorView, hoverTooltip } from '@codemirror/view';

import { api, ask, type Schemas } from '$/api/client';

import { keywords } from './rhai';

type Item = Schemas['Item'];
type Param = Schemas['Param'];

/** Something that can be written, and what it is. */
interface Known {
  name: string;
  call: string;
  says: string;
  example?: string;
  /** What it is called with, the fewest first; absent: it is no function. */
  overloads?: Param[][];
  returns?: string;
  errors?: Schemas['Failure'][];
  capability?: string;
  since?: string;
  /** The type whose method it is. */
  on?: string;
}

class Knowledge {
  readonly modules = new Map<string, { title: string; functions: Known[]; names: string[] }>();
  readonly methods: Known[] = [];
  readonly globals: Known[] = [];
  readonly standard: Known[] = [];
  /** Of ctx, by the whole path. */
  readonly ctx = new Map<string, Known>();

  constructor(sdk: Schemas['SDK']) {
    for (const module of sdk.modules) {
      if (module.tests) continue; // no script has them
      const functions: Known[] = [];
      for (const item of module.items) {
        const known = knownOf(item);
        if (module.name === 'ctx') this.ctx.set(/^[\w.]+/.exec(item.call)![0], known);
        else if (item.kind === 'method') this.methods.push(known);
        else if (item.global) this.globals.push(known);
        else if (item.kind === 'function') functions.push(known);
      }
      if (functions.length) this.modules.set(module.name, { title: module.title, functions, names: module.items.map((i) => i.name) });
    }
    for (const { name, calls, says, overloads } of sdk.standard) {
      if (/^\w+$/.test(name)) this.standard.push({ name, call: calls.join('\n'), says, overloads });
    }
  }

  /** Returns what a module, ctx or a value of this text has; undefined: nothing is known of it. */
  members(owner: string, state: EditorState): Known[] | undefined {
    const path = /(?:^|[^\w.])(ctx(?:\.\w+)*)$/.exec(owner)?.[1];
    if (path && ![...this.ctx.keys()].includes(path)) return this.#below(path);
    if (path) return undefined;
    const type = this.#typeOf(owner, state);
    return type ? this.methods.filter((m) => m.on === type) : undefined;
  }

  #below(path: string): Known[] {
    const found = new Map<string, Known>();
    for (const [full, known] of this.ctx) {
      if (!full.startsWith(`${path}.`)) continue;
      const [name, ...rest] = full.slice(path.length + 1).split('.');
      if (!rest.length) found.set(name!, { ...known, name: name! });
      else if (!found.has(name!)) found.set(name!, { name: name!, call: `${path}.${name}: map`, says: '' });
    }
    return [...found.values()];
  }

  #typeOf(owner: string, state: EditorState): string | undefined {
    const call = /(\w+)::(\w+)\((?:[^()]|\([^()]*\))*\)$/.exec(owner);
    if (call) return this.functionOf(call[1]!, call[2]!)?.returns;
    const name = /(?:^|[^\w.])([A-Za-z_]\w*)$/.exec(owner)?.[1];
    const made = name && new RegExp(`\\b(?:let|const)\\s+${name}\\s*=\\s*(\\w+)::(\\w+)\\(`).exec(state.doc.toString());
    const returns = made ? this.functionOf(made[1]!, made[2]!)?.returns : undefined;
    return returns && this.methods.some((m) => m.on === returns) ? returns : undefined;
  }

  functionOf(module: string, name: string): Known | undefined {
    return this.modules.get(module)?.functions.find((f) => f.name === name);
  }
}

function knownOf(item: Item): Known {
  const { name, call, says, example, returns, on, errors, capability, since } = item;
  const overloads = item.kind === 'property' ? undefined : item.overloads?.length ? item.overloads : [[]];
  return { name, call, says, example, returns, on, errors, capability, since, overloads };
}

let known: Promise<Knowledge> | undefined;

function knowledge(): Promise<Knowledge> {
  known ??= ask(api.GET('/api/v1/sdk', {})).then((sdk) => new Knowledge(sdk));
  known.catch(() => (known = undefined)); // another try may go well
  return known;
}

/** What can be written of something: a function in as many ways as it can be called. */
function completionsOf(k: Known, boost = 0): Completion[] {
  const common = { label: k.name, info: () => told([k]) };
  if (!k.overloads?.length) return [{ ...common, type: 'property', boost }];
  return k.overloads.map((params, i) => {
    const detail = `(${params.map((p) => (p.properties?.length ? `#{${namesOf(p)}}` : p.name)).join(', ')})`;
    const template = params.map((p) => (p.properties?.length ? `#\\{\${${namesOf(p)}}\\}` : `\${${p.name}}`)).join(', ');
    return snippetCompletion(`${k.name}(${template})`, { ...common, type: 'function', detail, boost: boost - i / 100 });
  });
}

function namesOf(p: Param): string {
  return p.properties!.map(({ name }) => name).join(', ');
}

function isCode(state: EditorState, at: number): boolean {
  return !/string|comment/.test(syntaxTree(state).resolveInner(at, -1).name);
}

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const { state, pos } = context;
  const before = state.sliceDoc(state.doc.lineAt(pos).from, pos);
  if (!isCode(state, pos)) return null;
  const k = await knowledge();
  const word = /\w*$/.exec(before)![0];
  const from = pos - word.length;
  const owner = before.slice(0, before.length - word.length);
  const validFor = /^\w*$/;
  const module = /(\w+)::$/.exec(owner)?.[1];
  if (module) return { from, validFor, options: (k.modules.get(module)?.functions ?? []).flatMap((f) => completionsOf(f)) };
  if (/[^.]\??\.$/.test(owner)) {
    const members = k.members(owner.replace(/\??\.$/, ''), state);
    return { from, validFor, options: members?.flatMap((m) => completionsOf(m)) ?? [...k.methods.flatMap((m) => completionsOf(m, 1)), ...k.standard.flatMap((s) => completionsOf(s))] };
  }
  if (!word && !context.explicit) return null;
  if (/^\d/.test(word) || /\b(let|const|fn)\s+$/.test(owner)) return null;
  return { from, validFor, options: [...here(state, word), ...everywhere(k)] };
}

/** What can be written anywhere. */
function everywhere(k: Knowledge): Completion[] {
  const modules = [...k.modules].map(([name, { title, functions }]) => ({
    label: name,
    apply: `${name}::`,
    type: 'namespace',
    detail: title,
    info: () => told(functions.slice(0, 12), true),
    boost: 2,
  }));
  return [
    { label: 'ctx', type: 'variable', detail: 'what the script is told', boost: 3 },
    ...modules,
    ...k.globals.flatMap((g) => completionsOf(g, 1)),
    ...keywords.map((label) => ({ label, type: 'keyword' })),
    ...k.standard.flatMap((s) => completionsOf(s, -1)),
  ];
}

/** What the script itself names. */
function here(state: EditorState, but: string): Completion[] {
  const found = new Map<string, Completion>();
  for (const [, kind, label] of state.doc.toString().matchAll(/\b(let|const|fn|for|as)\s+\(?([A-Za-z_]\w*)/g)) {
    if (label !== but) found.set(label!, { label: label!, type: kind === 'fn' ? 'function' : 'variable', boost: 4 });
  }
  return [...found.values()];
}

/** What the word at a place is. */
function find(k: Knowledge, state: EditorState, from: number, to: number): Known[] {
  const word = state.sliceDoc(from, to);
  const before = state.sliceDoc(state.doc.lineAt(from).from, from);
  const module = /(\w+)::$/.exec(before)?.[1];
  if (module) return [k.functionOf(module, word)].filter((f) => !!f);
  if (/[^.]\??\.$/.test(before)) {
    const members = k.members(before.replace(/\??\.$/, ''), state);
    return (members ?? [...k.methods, ...k.standard]).filter((m) => m.name === word);
  }
  const of = k.modules.get(word);
  if (of && state.sliceDoc(to, to + 2) === '::') return [{ name: word, call: `${word}::`, says: `${of.title}: ${of.names.join(', ')}` }];
  if (word === 'ctx') return [{ name: word, call: 'ctx', says: 'What the script is told: `ctx.request` by a request, `ctx.event` by a trigger.' }];
  return [...k.globals, ...k.standard].filter((g) => g.name === word);
}

/** Makes an element of what is known. */
function told(items: Known[], brief = false): HTMLElement {
  const element = document.createElement('div');
  element.className = 'told';
  for (const item of items.slice(0, brief ? items.length : 3)) {
    const call = element.appendChild(document.createElement('pre'));
    call.textContent = item.call.replaceAll(' -> ()', '');
    if (brief) continue;
    if (item.says) element.appendChild(marked(item.says));
    if (item.example) element.appendChild(document.createElement('pre')).textContent = item.example;
    for (const { code, when } of item.errors ?? []) element.appendChild(marked(`Fails with \`${code}\`: ${when}.`));
    const facts = [item.capability && `Needs ${item.capability}`, item.since && `since ${item.since} of the SDK`].filter(Boolean).join(', ');
    if (facts) element.appendChild(marked(facts)).className = 'facts';
  }
  return element;
}

/** A line of Markdown, of which it shows code as such and links as their words. */
function marked(line: string): HTMLElement {
  const p = document.createElement('p');
  for (const part of line.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').split(/(`[^`]*`)/)) {
    if (part.startsWith('`')) p.appendChild(document.createElement('code')).textContent = part.slice(1, -1);
    else p.append(part);
  }
  return p;
}

const look = EditorView.theme({
  '.cm-tooltip.cm-completionInfo, .cm-tooltip.cm-tooltip-hover': { padding: '8px 10px', maxWidth: 'min(460px, 90vw)' },
  '.told': { fontFamily: 'var(--sans)', fontSize: '12.5px', lineHeight: '1.5', color: 'var(--text)' },
  '.told pre': { margin: '0', fontFamily: 'var(--mono)', fontSize: '12px', whiteSpace: 'pre-wrap', color: 'var(--code-name)' },
  '.told p': { margin: '4px 0 6px' },
  '.told p + pre': { padding: '6px 8px', background: 'var(--sunken)', borderRadius: '4px', color: 'var(--text)' },
  '.told .facts': { color: 'var(--text-faint)' },
  '.told code': { fontFamily: 'var(--mono)', fontSize: '12px' },
  '.cm-completionDetail': { color: 'var(--text-soft)', fontStyle: 'normal', marginLeft: '8px' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
});

/** Returns completion and what is told on hover. */
export function sdk(): Extension[] {
  return [
    autocompletion({ override: [complete], icons: false }),
    hoverTooltip(async (view, pos) => {
      const { from, text } = view.state.doc.lineAt(pos);
      const [left] = /\w*$/.exec(text.slice(0, pos - from))!;
      const [right] = /^\w*/.exec(text.slice(pos - from))!;
      const [start, end] = [pos - left.length, pos + right.length];
      if (start === end || !isCode(view.state, end)) return null;
      const items = find(await knowledge(), view.state, start, end);
      return items.length ? { pos: start, end, above: true, create: () => ({ dom: told(items) }) } : null;
    }),
    look,
  ];
}
