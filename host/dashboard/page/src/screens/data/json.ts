// What the editor of JSON adds to the editor, loaded when one is shown.
import { json, jsonParseLinter } from '@codemirror/lang-json';
import { lintGutter, linter } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { Prec, type Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';

const look = EditorView.theme({
  '&': { minHeight: 'var(--editor-height, 320px)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-changedLine': { backgroundColor: 'var(--good-soft) !important' },
  '.cm-changedText': { background: 'none !important', textDecoration: 'underline 2px var(--good)' },
  '.cm-deletedChunk': { backgroundColor: 'var(--bad-soft) !important' },
  '.cm-deletedChunk .cm-deletedText': { background: 'none !important', textDecoration: 'underline 2px var(--bad)' },
  '.cm-deletedChunk .cm-chunkButtons button': {
    font: '500 12px var(--sans)',
    padding: '2px 8px',
    border: '1px solid var(--line-strong)',
    background: 'var(--surface)',
    color: 'var(--text)',
  },
  '.cm-changedLineGutter': { background: 'var(--good) !important' },
  '.cm-deletedLineGutter': { background: 'var(--bad) !important' },
  '.cm-collapsedLines': { background: 'var(--sunken) !important', color: 'var(--text-soft) !important' },
  '.cm-collapsedLines:before, .cm-collapsedLines:after': { content: '"…" !important' },
});

/** JSON, with what is wrong in it marked; where a text to compare with is given, as what has become of that. */
export function extensionsOf(original?: string): Extension[] {
  const extensions = [json(), linter(jsonParseLinter()), lintGutter(), EditorView.lineWrapping, Prec.highest(look)];
  if (original !== undefined) {
    extensions.push(
      unifiedMergeView({
        original,
        mergeControls: (type, action) => {
          const button = document.createElement('button');
          button.type = 'button';
          button.textContent = type === 'accept' ? 'Keep mine' : 'Take theirs';
          button.onmousedown = action;
          button.onclick = (event) => {
            if (event.detail === 0) action(event); // by the keyboard
          };
          return button;
        },
        collapseUnchanged: { margin: 3, minSize: 6 },
      }),
    );
  }
  return extensions;
}
