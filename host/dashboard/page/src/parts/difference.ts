// The part of a difference that is loaded when one is shown.
import { unifiedMergeView } from '@codemirror/merge';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';

import { look, paint } from './editor';

export type DifferenceHandle = { destroy(): void };

const colours = EditorView.theme({
  '&': { minHeight: '80px' },
  '.cm-deletedChunk': { backgroundColor: 'var(--bad-soft)', paddingLeft: '6px' },
  '.cm-deletedChunk .cm-deletedText': { background: 'none', textDecoration: 'underline', textDecorationColor: 'var(--bad)' },
  '.cm-deletedLine, .cm-deletedLine del': { textDecoration: 'none' },
  '&.cm-merge-b .cm-changedLine': { backgroundColor: 'var(--good-soft)' },
  '&.cm-merge-b .cm-changedText, &.cm-merge-b .cm-insertedLine .cm-changedText': { background: 'none', borderBottom: '1px solid var(--good)' },
  '.cm-insertedLine, .cm-insertedLine ins': { textDecoration: 'none' },
  '&.cm-merge-b .cm-changedLineGutter': { backgroundColor: 'var(--good)' },
  '.cm-deletedLineGutter': { backgroundColor: 'var(--bad)' },
  '.cm-collapsedLines': { background: 'var(--sunken)', color: 'var(--text-soft)' },
});

interface Opening {
  parent: HTMLElement;
  label: string;
  before: string;
  after: string;
  extensions: Extension[];
}

/** Shows a difference in an element. */
export function show({ parent, label, before, after, extensions }: Opening): DifferenceHandle {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  return new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: after,
      extensions: [
        lineNumbers(),
        colours, // before what it has otherwise
        look,
        paint,
        extensions,
        unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
      ],
    }),
  });
}
